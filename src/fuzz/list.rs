//! Lists that are made shorter by halves before their elements are made smaller: proptest's own lose one element at a time, which takes too
//! many tries of a list of a hundred.
//!
//! It relies on proptest's traits and on nothing of ours.

use proptest::prelude::Strategy;
use proptest::strategy::{NewTree, ValueTree};
use proptest::test_runner::TestRunner;

/// Lists of one to `most` of these.
pub(super) fn list<S: Strategy>(element: S, most: usize) -> List<S> {
    List { element, most }
}

#[derive(Debug, Clone)]
pub(super) struct List<S> {
    element: S,
    most: usize,
}

impl<S: Strategy> Strategy for List<S> {
    type Tree = Tree<S::Tree>;
    type Value = Vec<S::Value>;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let count = (1..=self.most).new_tree(runner)?.current();
        let elements: Result<Vec<_>, _> = (0..count).map(|_| self.element.new_tree(runner)).collect();
        let next = Next::Without { size: count.div_ceil(2), at: 0 };
        Ok(Tree { elements: elements?.into_iter().map(|e| (e, true)).collect(), next, last: Last::None })
    }
}

/// A list, each element with whether it is still there.
#[derive(Debug, Clone)]
pub(super) struct Tree<T> {
    elements: Vec<(T, bool)>,
    next: Next,
    last: Last,
}

/// What is tried next.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// Without so many of those that are left, from this one on.
    Without { size: usize, at: usize },
    /// This element in a simpler form.
    Simpler(usize),
}

/// What was tried last.
#[derive(Debug, Clone)]
enum Last {
    None,
    Without(Vec<usize>),
    Simpler(usize),
}

impl<T: ValueTree> ValueTree for Tree<T> {
    type Value = Vec<T::Value>;

    fn current(&self) -> Self::Value {
        self.elements.iter().filter(|(_, there)| *there).map(|(element, _)| element.current()).collect()
    }

    fn simplify(&mut self) -> bool {
        loop {
            match self.next {
                Next::Without { size, at } => {
                    let there: Vec<usize> =
                        (0..self.elements.len()).filter(|&i| self.elements[i].1).collect();
                    let gone: Vec<usize> = there.iter().skip(at).take(size).copied().collect();
                    if gone.is_empty() {
                        self.next = match size {
                            1 => Next::Simpler(0),
                            _ => Next::Without { size: size.div_ceil(2), at: 0 },
                        };
                    } else if gone.len() == there.len() {
                        // One is left in any case.
                        self.next = Next::Without { size, at: at + size };
                    } else {
                        gone.iter().for_each(|&i| self.elements[i].1 = false);
                        self.last = Last::Without(gone);
                        return true;
                    }
                }
                Next::Simpler(at) => match self.elements.get_mut(at) {
                    None => return false,
                    Some((element, there)) => {
                        if *there && element.simplify() {
                            self.last = Last::Simpler(at);
                            return true;
                        }
                        self.next = Next::Simpler(at + 1);
                    }
                },
            }
        }
    }

    fn complicate(&mut self) -> bool {
        match std::mem::replace(&mut self.last, Last::None) {
            Last::None => false,
            Last::Without(gone) => {
                gone.iter().for_each(|&i| self.elements[i].1 = true);
                if let Next::Without { size, at } = self.next {
                    self.next = Next::Without { size, at: at + size };
                }
                true
            }
            Last::Simpler(at) => {
                let more = self.elements[at].0.complicate();
                if more {
                    self.last = Last::Simpler(at);
                }
                more
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a list smaller as long as it fails.
    fn smallest(
        mut tree: Tree<impl ValueTree<Value = u32>>,
        fails: impl Fn(&[u32]) -> bool,
    ) -> (Vec<u32>, usize) {
        let (mut found, mut tried) = (tree.current(), 0);
        let mut more = fails(&found) && tree.simplify();
        while more {
            let now = tree.current();
            tried += usize::from(now != found);
            more = if fails(&now) {
                found = now;
                tree.simplify()
            } else {
                tree.complicate()
            };
        }
        (found, tried)
    }

    #[test]
    fn what_matters_is_left_after_few_tries() {
        let mut runner = TestRunner::deterministic();
        let strategy = list(0u32..1000, 200);
        for _ in 0..50 {
            let tree = strategy.new_tree(&mut runner).unwrap();
            let all = tree.current();
            assert!((1..=200).contains(&all.len()));
            let Some(large) = all.iter().position(|n| *n > 300) else { continue };
            let (found, tried) = smallest(tree, |list| list.iter().any(|n| *n > 300));
            assert_eq!(found, [301], "of {} with {large} first", all.len());
            assert!(tried < 80, "{tried} tries for {}", all.len());
        }
    }

    #[test]
    fn two_that_belong_together_are_left_and_one_always_is() {
        let mut runner = TestRunner::deterministic();
        let strategy = list(0u32..10, 100);
        for _ in 0..50 {
            let fails = |list: &[u32]| list.iter().skip_while(|n| **n != 7).any(|n| *n == 3);
            let tree = strategy.new_tree(&mut runner).unwrap();
            if fails(&tree.current()) {
                assert_eq!(smallest(tree, fails).0, [7, 3]);
            }
            assert_eq!(smallest(strategy.new_tree(&mut runner).unwrap(), |_| true).0, [0]);
        }
    }
}
