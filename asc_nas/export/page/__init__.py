"""A model as a page that a browser opens: its parts (``sources``), and what joins them."""
