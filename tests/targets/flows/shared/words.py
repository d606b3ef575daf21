SILENT_MODES = ("fallback", "stream", "nan", "empty", "slow")
