"""Finding a face: detectors behind one port, landmarks, and the crop cut along them."""
