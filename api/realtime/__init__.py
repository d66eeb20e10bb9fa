"""Sockets (contract §9): quotes, alerts and cases as they happen, by Socket.IO at `/socket.io`.

The way of an event: a row is committed with its line in `live_events` and rings a bell → `delivery` reads what is new →
`audience` knows whose sockets may be told, and sends it. The way of a price: `board` asks for those of all symbols that
somebody follows, and gives each socket the newest when it has room. `line` is the door, `handlers` what clients ask.
"""
