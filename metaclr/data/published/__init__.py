"""Published lists of classes or of images, read from whatever holds them."""
