//! Figures of a row that are read by a separate query after the list.

/// A value that is missing when the row is created.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Later<T> {
    #[default]
    NotRead,
    Read(T),
    /// The error of the server, for example a lock timeout or a missing privilege.
    Failed(String),
}

impl<T> Later<T> {
    /// Takes an answer with the figures in the order of [`Exact::figures`](super::record::Exact::figures). An answer of another length
    /// (from a recording of an older version) counts as not read.
    pub(super) fn of<const N: usize>(
        answer: Result<&[Option<i64>], &str>,
        make: impl FnOnce([Option<i64>; N]) -> T,
    ) -> Self {
        match answer.map(<[_; N]>::try_from) {
            Ok(Ok(figures)) => Self::Read(make(figures)),
            Ok(Err(_)) => Self::NotRead,
            Err(error) => Self::Failed(error.to_owned()),
        }
    }

    /// The value; `None`: not read, or an error.
    pub(crate) fn get(&self) -> Option<&T> {
        match self {
            Self::Read(figures) => Some(figures),
            _ => None,
        }
    }

    pub(super) fn error(&self) -> Option<&str> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_another_length_are_not_taken_for_others() {
        let of = |answer| Later::of(answer, |[chunks, bytes]| (chunks, bytes));
        assert_eq!(of(Ok(&[Some(3), None])), Later::Read((Some(3), None)));
        assert_eq!(of(Ok(&[Some(3)])), Later::NotRead);
        assert_eq!(of(Ok(&[Some(3), None, None])), Later::NotRead);
        let locked = "55P03 canceling statement due to lock timeout";
        assert_eq!(of(Err(locked)), Later::Failed(locked.to_owned()));
    }
}
