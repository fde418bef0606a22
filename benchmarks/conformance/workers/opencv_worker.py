"""Predict with OpenCV's dnn module and readNet, as its documentation shows."""

import cv2
from exchange import read_arguments, write_predictions

model, images, output, _ = read_arguments()
network = cv2.dnn.readNet(model)
predictions = []
for at in range(len(images)):
    network.setInput(images[at : at + 1])
    predictions.append(network.forward().copy())
write_predictions(output, predictions, cv2.__version__)
