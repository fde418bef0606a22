"""Do the tests notice when a rule is changed? A small change at a time, in a process of its own: `make mutants`.

mutmut 3 would be the library for it, but it changes functions only. Half of the rules here are numbers outside of
functions: constants and the defaults of `PICTURE_READING`. cosmic-ray changes these, too, but starts Python for every
change, which takes longer than the tests themselves.
"""
