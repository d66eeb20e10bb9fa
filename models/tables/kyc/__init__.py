"""Identity checks as they are kept: `documents` of customers, and reviews of them.

`rows` are the tables, `cases` finds and holds them, `content` is what a decision is about; `acts` is what customers do
about a review, `desk` what officers do, `life` what falls due.
"""
