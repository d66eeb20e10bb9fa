"""Who a customer is, and how they prove it (contract §6): `documents` that they upload, and the reviews of them.

A review has its states (`states`), what it needs (`requirements`, `declaration`), what it finds (`risk`), what exactly
is decided on (`content`), and what follows when it is late (`ladder`). `policy` is what a customer may do meanwhile.
"""
