//! Defects that show only sometimes, in a crowd, or for some inputs.

use super::prelude::*;

defects! {
    hard: true;

    "fields-that-look-like-numbers" FieldsThatLookLikeNumbers breaks ["IM-CLIENT-07"],
    "Content that looks like a number is shown as one." {
        fn tells(&self, mut line: Value) -> Vec<Value> {
            let number = line.get("content").and_then(Value::as_str).and_then(|text| text.parse::<i64>().ok());
            if let Some(number) = number {
                line["content"] = number.into();
            }
            vec![line]
        }
    }

    "nul-in-content-ends-it" NulInContentEndsIt breaks ["IM-CLIENT-07", "STOMP12-CLEN-02", "STOMP12-CLEN-05", "STOMP12-BODY-01"],
    "Content ends at a NUL." {
        fn tells(&self, mut line: Value) -> Vec<Value> {
            if let Some((before, _)) = line.get("content").and_then(Value::as_str).and_then(|text| text.split_once('\0')) {
                line["content"] = before.into();
            }
            vec![line]
        }
    }

    "one-in-a-thousand-lost" OneInAThousandLost breaks ["IM-CLIENT-07"],
    "About one message in a thousand is lost." {
        fn shows(&self, body: &Map<String, Value>, seen: bool) -> bool {
            let id = body.get("id").and_then(Value::as_str).unwrap_or_default();
            let sum = id.bytes().fold(7_u32, |sum, octet| sum.wrapping_mul(31).wrapping_add(u32::from(octet)));
            !seen && sum % 1000 != 0
        }
    }
}
