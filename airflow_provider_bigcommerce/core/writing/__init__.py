"""Writing many rows: rows become requests, answers become one outcome for each row. Pure: ``client/writing.py`` sends."""
