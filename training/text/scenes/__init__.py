"""Draws the crops on which the detector is trained: text, side markers and what resembles them."""
