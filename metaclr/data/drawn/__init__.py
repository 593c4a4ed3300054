"""Characters that are drawn here: by fonts, or by the strokes of a pen."""
