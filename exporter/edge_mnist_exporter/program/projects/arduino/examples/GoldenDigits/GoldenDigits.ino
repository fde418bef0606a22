// Reads golden digits with the model @name@, and prints answers, size and time to the serial monitor at 115200 baud.
#include <@name@_int8.h>

#include "golden_digits.h"

static uint8_t arena[@name@_arena_bytes + 1], scores[@name@_classes];

void setup() {
  Serial.begin(115200);
}

void loop() {
  int right = 0;
  unsigned long micros_in_all = 0;

  for (int i = 0; i < golden_count; i++) {
    const unsigned long start = micros();
    @name@_predict(arena, golden_digits[i], scores);
    micros_in_all += micros() - start;
    int answer = 0;
    for (int c = 1; c < @name@_classes; c++) {
      answer = scores[c] > scores[answer] ? c : answer;
    }
    right += memcmp(scores, golden_scores[i], sizeof scores) == 0;
    Serial.print("golden digit ");
    Serial.print(i);
    Serial.print(": ");
    Serial.print(answer);
    Serial.print(", ");
    Serial.print(scores[answer]);
    Serial.println(scores[answer] < @name@_least_confidence ? " of 256, not to be relied on" : " of 256");
  }
  Serial.print(right);
  Serial.println(" of @count@ with the expected scores");
  Serial.println("@arena_bytes@ bytes of RAM, @constant_bytes@ of constants");
  Serial.print(micros_in_all / golden_count);
  Serial.println(" us a digit");
  delay(5000);
}
