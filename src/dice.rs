//! Numbers that look like chance and depend on a seed only. For every layer.

/// A small generator of numbers that depends on its seed only (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// A generator with this seed.
    pub(crate) fn new(seed: u64) -> Self {
        Dice(seed)
    }

    /// A generator whose seed is made of these octets.
    pub(crate) fn of(octets: &[u8]) -> Self {
        let seed = octets.len() as u64;
        Dice(octets.iter().fold(seed, |sum, octet| sum.wrapping_mul(31).wrapping_add(u64::from(*octet))))
    }

    /// The next number.
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A mask key.
    pub(crate) fn mask(&mut self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.roll().to_be_bytes();
        [a, b, c, d]
    }

    /// Cuts octets into pieces of up to twenty, some of them empty.
    pub(crate) fn cut(mut self, octets: &[u8]) -> impl Iterator<Item = &[u8]> {
        let mut rest = octets;
        std::iter::from_fn(move || {
            let whole = rest;
            let (piece, behind) = whole.split_at(whole.len().min((self.roll() % 20) as usize));
            rest = behind;
            (!whole.is_empty()).then_some(piece)
        })
    }
}
