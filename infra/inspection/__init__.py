"""Looking into files that strangers send, in a process of its own for each (`sandbox`), started by `inspector`.

This module stays empty of imports: the process that looks into a file loads nothing of the bank.
"""
