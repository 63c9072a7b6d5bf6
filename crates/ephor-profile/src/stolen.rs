//! Time that the host of a virtual machine took from its cores: what was to run on them waited, whoever measured it.

use std::fs;

use ephor_runtime::cores_allowed;

/// The field of a line of `/proc/stat` that counts stolen time, the name of the core not counted.
const STEAL: usize = 7;

/// Time of the cores that this process may use, in the system's ticks since it booted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CoreTime {
    stolen: u64,
    all: u64,
}

impl CoreTime {
    /// Reads it; none where the system does not count it.
    ///
    /// # Source
    /// proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal; the guests' times after those are part of user and
    /// nice.
    pub(crate) fn now() -> Option<Self> {
        Self::of(&fs::read_to_string("/proc/stat").ok()?, &cores_allowed())
    }

    fn of(stat: &str, cores: &[usize]) -> Option<Self> {
        let mut sum = Self::default();
        for core in cores {
            let name = format!("cpu{core} ");
            let fields = stat.lines().find_map(|line| line.strip_prefix(&name))?;
            let ticks: Vec<u64> =
                fields.split_whitespace().take(STEAL + 1).map(str::parse).collect::<Result<_, _>>().ok()?;
            sum.stolen += ticks.get(STEAL)?;
            sum.all += ticks.iter().sum::<u64>();
        }
        Some(sum)
    }

    /// What part of the time since `before` was stolen, in percent; none when no tick has passed.
    pub(crate) fn stolen_percent(self, before: Self) -> Option<f64> {
        let all = self.all.checked_sub(before.all).filter(|all| *all > 0)?;
        Some(100.0 * self.stolen.saturating_sub(before.stolen) as f64 / all as f64)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;

    const BEFORE: &str = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 10 0 10 70 0 0 0 10 0 0\ncpu1 0 0 0 100 0 0 0 0 0 0\ncpu10 5 5 5 5 5 5 5 5 0 0\nintr 1\n";
    const AFTER: &str = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 30 0 20 110 0 0 0 40 7 0\ncpu1 60 0 0 140 0 0 0 0 60 0\ncpu10 9 9 9 9 9 9 9 9 0 0\nintr 1\n";

    #[test]
    fn stolen_time_is_that_of_the_cores_that_may_be_used() {
        let percent = |cores: &[usize]| {
            CoreTime::of(AFTER, cores).unwrap().stolen_percent(CoreTime::of(BEFORE, cores).unwrap())
        };
        assert_eq!(percent(&[0]), Some(30.0));
        assert_eq!(percent(&[0, 1]), Some(15.0));
        assert_eq!(percent(&[1]), Some(0.0));
    }

    #[test]
    fn what_the_system_does_not_tell_is_not_made_up() {
        assert_eq!(CoreTime::of("cpu0 1 2 3\n", &[0]), None);
        assert_eq!(CoreTime::of("cpu0 1 2 3 4 5 6 7 x\n", &[0]), None);
        assert_eq!(CoreTime::of(BEFORE, &[2]), None);
        assert_eq!(CoreTime::default().stolen_percent(CoreTime::default()), None);
    }
}
