"""Timeline layer and command line of otio-v2a: cuts in, stems out (floor 2; never imports torch)."""
