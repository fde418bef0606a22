"""Print the digit in each picture:   python minimal.py PICTURE ..."""

import sys

from edge_mnist_runtime import DigitClassifier

classifier = DigitClassifier()
for path in sys.argv[1:]:
    prediction = classifier.predict(path)
    print(f"{path}: {prediction.digit} ({prediction.confidence:.1%})", prediction.reason or "")
