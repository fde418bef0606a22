"""An integer program as WebAssembly, with a JavaScript module that loads it in Node and browsers.

Comes in: a `CProgram`. Goes out: NAME_int8.wasm, NAME_int8.mjs, NAME_int8.d.mts, and the proof that they give the same
integers.
"""
