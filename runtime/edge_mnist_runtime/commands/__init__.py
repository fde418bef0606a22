"""One module a command. They parse, call the library, and print; they hold no logic of their own."""
