"""One render: analyse the clip, write the video, keep its motion, report progress."""
