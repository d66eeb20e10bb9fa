"""Who a customer is, and how they prove it (contract §6): `documents` that they upload, `reviews` of them."""
