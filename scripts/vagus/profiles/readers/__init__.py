"""Tables that a user brings along, one module per family of programs; `formats` lists them."""
