"""Files as no program should write them, given to the code that reads such files.

`mutation` spoils bytes and texts, `kinds` has for each kind of file a few good ones and the code that reads it, and
`python -m tests.malformed FIRST COUNT` reads some of them, in a process whose end the test watches.
"""
