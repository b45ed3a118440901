//! What else the machine was doing: figures of a busy machine are of the machine.

use anyhow::Context as _;

use super::figures::real;

/// CPU time so far, in the kernel's ticks.
#[derive(Clone, Copy, Debug)]
pub(super) struct CpuTime {
    /// Of everything, idle time included.
    all: u64,
    /// Of everything, idle time left out.
    busy: u64,
    /// Of this process, and of its children that have ended.
    own: u64,
}

impl CpuTime {
    /// From `/proc`. Source of the fields: the manual pages `proc_stat(5)` and `proc_pid_stat(5)`.
    pub(super) fn read() -> anyhow::Result<Self> {
        let machine = std::fs::read_to_string("/proc/stat")?;
        let first = machine.lines().next().context("/proc/stat is empty")?;
        // user, nice, system, idle, iowait, irq, softirq, steal; what follows is contained in the first two.
        let machine = ticks(first.split_whitespace().skip(1).take(8))?;
        let process = std::fs::read_to_string("/proc/self/stat")?;
        let (_, after_name) = process.rsplit_once(')').context("/proc/self/stat names no program")?;
        // The 14th to 17th field, of which the name was the 2nd: utime, stime, cutime, cstime.
        let own = ticks(after_name.split_whitespace().skip(11).take(4))?;
        let all = machine.iter().sum();
        let idle: u64 = machine.iter().skip(3).take(2).sum();
        Ok(Self { all, busy: all - idle, own: own.iter().sum() })
    }

    /// How much of the machine other processes have used since, in per cent of all cores.
    pub(super) fn used_by_others_since(self, before: Self) -> f64 {
        let others = (self.busy - before.busy).saturating_sub(self.own - before.own);
        100.0 * real(others) / real((self.all - before.all).max(1))
    }
}

fn ticks<'a>(fields: impl Iterator<Item = &'a str>) -> anyhow::Result<Vec<u64>> {
    Ok(fields.map(str::parse).collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_use_is_what_is_neither_idle_nor_ours() {
        let before = CpuTime { all: 1000, busy: 500, own: 100 };
        let after = CpuTime { all: 1200, busy: 600, own: 150 };
        assert!((after.used_by_others_since(before) - 25.0).abs() < f64::EPSILON);
    }
}
