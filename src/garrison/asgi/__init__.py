"""The only code that touches ASGI's scope, receive and send."""
