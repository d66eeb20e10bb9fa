"""Identity checks as they are kept: `documents` of customers, `reviews` of them."""
