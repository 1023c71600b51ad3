"""The engine, through the surface its users see."""
