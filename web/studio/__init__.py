"""Three pages in a browser: the app's details screen, animating without a cloud, and editing."""
