"""OpenCV's dnn module, by readNet as its documentation does."""

import cv2
from exchange import read_arguments, write_answers

model, images, output, _ = read_arguments()
network = cv2.dnn.readNet(model)
answers = []
for at in range(len(images)):
    network.setInput(images[at : at + 1])
    answers.append(network.forward().copy())
write_answers(output, answers, cv2.__version__)
