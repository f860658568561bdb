//! Figures that an exact query reads after the list.

/// What a row does not have when it is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Later<T> {
    #[default]
    NotRead,
    Read(T),
    /// The server's error: a lock, a missing privilege.
    Failed(String),
}

impl<T> Later<T> {
    /// From an answer with the figures in the order of [`Exact::figures`](super::record::Exact::figures).
    pub(super) fn of<const N: usize>(
        answer: Result<&[Option<i64>], &str>,
        make: impl FnOnce([Option<i64>; N]) -> T,
    ) -> Self {
        match answer {
            // An older recording has fewer figures; those that it lacks are NULL.
            Ok(figures) => Self::Read(make(std::array::from_fn(|nth| {
                figures.get(nth).copied().flatten()
            }))),
            Err(error) => Self::Failed(error.to_owned()),
        }
    }

    /// `None`: not read, or not readable.
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Read(figures) => Some(figures),
            _ => None,
        }
    }

    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}
