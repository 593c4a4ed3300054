"""Other libraries' data and loops beside ours. Each is imported when it is used."""
