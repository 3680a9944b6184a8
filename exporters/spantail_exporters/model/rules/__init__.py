"""The rules of the event format, one file each. `tests/golden/rules` has their cases, for other languages too."""
