"""The speed of WebAssembly modules in Node beside onnxruntime-web."""
