//! Random values and texts, with serde_json as the judge: the same texts are JSON, and they mean the same.

use super::*;

/// A generator that repeats itself from run to run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn text(&mut self) -> String {
        let letters = ['a', 'b', '"', '\\', '/', '\n', '\u{1}', '\u{7f}', 'é', '🦀', '\u{2028}', ' ', '{', ']'];
        (0..self.below(6)).map(|_| letters[self.below(letters.len() as u64) as usize]).collect()
    }

    fn value(&mut self, levels: u32) -> Value {
        let kinds = if levels == 0 { 7 } else { 9 };
        match self.below(kinds) {
            0 => Value::Null,
            1 => Value::Bool(self.below(2) == 0),
            2 => Value::from(self.below(1 << 53)),
            3 => Value::from(-(self.below(1 << 53) as i64)),
            4 => Value::from(self.below(1 << 40) as f64 / 64.0),
            5 => Value::from(f64::from_bits(self.below(1 << 53) << 10 | 0x3000_0000_0000_0000) as f32),
            6 => Value::String(self.text()),
            7 => (0..self.below(5)).map(|_| self.value(levels - 1)).collect(),
            _ => Value::Object((0..self.below(5)).map(|_| (self.text(), self.value(levels - 1))).collect()),
        }
    }
}

/// serde_json reads a double to within a unit in its last place, unless asked for more.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) if ours.is_f64() && theirs.is_f64() => {
            let (ours, theirs) = (ours.as_f64().unwrap(), theirs.as_f64().unwrap());
            ours == theirs || (ours - theirs).abs() <= ours.abs() * 1e-15
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len() && ours.iter().all(|(key, ours)| theirs.get(key).is_some_and(|theirs| same(ours, theirs)))
        }
        _ => ours == theirs,
    }
}

#[test]
fn values_come_back_and_mean_the_same_to_serde_json() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for _ in 0..3_000 {
        let value = dice.value(4);
        let text = text_of(&value);
        assert_eq!(value_of::<Value>(&text).as_ref(), Ok(&value), "{text}");
        assert!(same(&value, &serde_json::from_str(&text).unwrap()), "{text}");
        assert_eq!(value_of::<Value>(serde_json::to_string_pretty(&value).unwrap()).as_ref(), Ok(&value));
    }
}

#[test]
fn damaged_texts_are_refused_or_mean_the_same_to_serde_json() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let stuff = b"\"\\{}[]:,0123456789-+.eEutfn \n\x00\xff\xc3";
    for _ in 0..30_000 {
        let mut text = text_of(&dice.value(3)).into_bytes();
        for _ in 0..=dice.below(3) {
            let at = dice.below(text.len() as u64 + 1) as usize;
            let byte = stuff[dice.below(stuff.len() as u64) as usize];
            match dice.below(3) {
                0 => text.insert(at, byte),
                1 if at < text.len() => text[at] = byte,
                _ if at < text.len() => drop(text.remove(at)),
                _ => {}
            }
        }
        let shown = String::from_utf8_lossy(&text).into_owned();
        match (value_of::<Value>(&text), serde_json::from_slice::<Value>(&text)) {
            (Ok(ours), Ok(theirs)) => assert!(same(&ours, &theirs), "{shown}"),
            (Ok(ours), Err(error)) => panic!("{shown} is {ours}, and is no JSON: {error}"),
            (Err(error), Ok(_)) => assert!(error.to_string().contains("comes twice"), "{shown} is JSON: {error}"),
            (Err(_), Err(_)) => {}
        }
    }
}

#[test]
fn random_rich_values_come_back() {
    let mut dice = Dice(77);
    for _ in 0..500 {
        let mut value = rich();
        value.negative = dice.below(u64::MAX) as i64;
        value.huge = u128::from(dice.below(u64::MAX)) * u128::from(dice.below(1 << 20));
        value.tiny = -(value.huge as i128 / 3);
        value.text = dice.text();
        value.third = Some(f64::from_bits(dice.below(u64::MAX) << 11)).filter(|float| float.is_finite()).unwrap_or(0.5);
        value.bytes = Blob((0..dice.below(9)).map(|_| dice.below(256) as u8).collect());
        value.map = (0..dice.below(4))
            .map(|_| (dice.text(), HashMap::from([(dice.below(1 << 32) as u32, Metres(dice.below(u64::MAX)))])))
            .collect();
        let text = text_of(&value);
        assert_eq!(value_of::<Rich>(&text), Ok(value), "{text}");
    }
}
