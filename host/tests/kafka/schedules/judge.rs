//! The judge: decides each delivery by the plan of its record, and watches the order.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use testkit::kafka::Read;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Deliveries after which a record that crashes the handler is a dead letter.
pub const CRASHES: u32 = 3;

/// Behavior towards a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Fails this often, then succeeds.
    Fail(u32),
    Refuse,
    Crash,
}

#[derive(Debug)]
struct Entry {
    plan: Plan,
    deliveries: u32,
    /// Done, or refused for good.
    is_settled: bool,
}

#[derive(Default)]
struct State {
    /// Records by key, in the order in which they were written.
    keys: BTreeMap<usize, Vec<Entry>>,
    /// The last record of each key that was done.
    last: BTreeMap<usize, usize>,
    violations: Vec<String>,
}

#[derive(Clone)]
pub struct Judge {
    pub address: String,
    state: Arc<Mutex<State>>,
    is_down: Arc<AtomicBool>,
}

impl Judge {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let judge = Self {
            address: listener.local_addr().unwrap().to_string(),
            state: Arc::default(),
            is_down: Arc::default(),
        };
        let own = judge.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let own = own.clone();
                tokio::spawn(async move { own.answer(stream).await });
            }
        });
        judge
    }

    async fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let Some((key, number)) = text.split_once(' ') else {
            // A member that was killed before it had asked.
            return Ok(());
        };
        let status = self.decide(key.parse().unwrap(), number.parse().unwrap());
        stream.write_u16(status).await
    }

    fn decide(&self, key: usize, number: usize) -> u16 {
        let state = &mut *self.state();
        let records = state.keys.get_mut(&key).unwrap();
        if let Some(open) = records[..number].iter().position(|own| !own.is_settled) {
            let text = format!("record {number} of key {key} overtakes {open}");
            state.violations.push(text);
        }
        let own = &mut records[number];
        own.deliveries += 1;
        if self.is_down.load(Relaxed) {
            return 503;
        }
        let status = match own.plan {
            Plan::Fail(times) if own.deliveries <= times => return 503,
            Plan::Fail(_) => 200,
            Plan::Refuse => 422,
            Plan::Crash => 500,
        };
        // Those that crash are given up by the trigger, which has to count.
        own.is_settled = status != 500 || own.deliveries >= CRASHES || own.is_settled;
        if status == 200 {
            state.last.insert(key, number);
        }
        status
    }

    /// Adds a record; returns its key and value.
    pub fn record(&self, key: usize, plan: Plan) -> (usize, String) {
        let mut state = self.state();
        let records = state.keys.entry(key).or_default();
        records.push(Entry {
            plan,
            deliveries: 0,
            is_settled: false,
        });
        (key, format!("{key} {}", records.len() - 1))
    }

    /// Lets all deliveries fail, as without a store.
    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Relaxed);
    }

    /// Returns the records that are neither done nor refused for good: their keys, their numbers
    /// and their deliveries.
    pub fn unsettled(&self) -> Vec<(usize, usize, u32)> {
        let state = self.state();
        let of_key = |(key, records): (&usize, &Vec<Entry>)| {
            let records = records.iter().enumerate();
            let open = records.filter(|(_, own)| !own.is_settled);
            let open = open.map(|(number, own)| (*key, number, own.deliveries));
            open.collect::<Vec<_>>()
        };
        state.keys.iter().flat_map(of_key).collect()
    }

    /// Number of records that must be dead letters.
    pub fn dead(&self) -> usize {
        let state = self.state();
        let records = state.keys.values().flatten();
        records.filter(|own| own.plan.is_dead()).count()
    }

    /// Deliveries, and those of them that the plans did not ask for.
    pub fn deliveries(&self) -> (usize, usize) {
        let state = self.state();
        let records = || state.keys.values().flatten();
        let all: u32 = records().map(|own| own.deliveries).sum();
        let asked: u32 = records()
            .map(|own| match own.plan {
                Plan::Fail(times) => times + 1,
                Plan::Refuse => 1,
                Plan::Crash => CRASHES,
            })
            .sum();
        (all as usize, all.saturating_sub(asked) as usize)
    }

    /// Checks the order so far.
    pub fn check(&self) {
        let state = self.state();
        assert_eq!(state.violations, [""; 0]);
    }

    /// Checks that the last record of each key came last, and that exactly the records without hope
    /// are dead letters.
    pub fn check_letters(&self, letters: &[Read]) {
        let state = self.state();
        let named = attempts(letters);
        for (key, records) in &state.keys {
            let last = records.iter().rposition(|own| !own.plan.is_dead());
            assert_eq!(state.last.get(key).copied(), last, "the last of key {key}");
            for (number, own) in records.iter().enumerate() {
                let is_dead = named.contains_key(&(*key, number));
                assert_eq!(is_dead, own.plan.is_dead(), "{key} {number}");
            }
        }
    }

    /// Checks that attempts of records that crash the handler were counted on over `kills`.
    pub fn check_attempts(&self, letters: &[Read], kills: u32) {
        let state = self.state();
        for ((key, number), attempts) in attempts(letters) {
            let own = &state.keys[&key][number];
            if own.plan == Plan::Crash {
                assert!(attempts >= CRASHES, "{attempts} attempts of {key} {number}");
                // A kill loses one attempt that was not written yet, and an end with its dead
                // letter makes one more.
                let most = attempts + 2 * kills;
                assert!(
                    own.deliveries <= most,
                    "{key} {number}: {own:?} of {attempts}"
                );
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// Returns the attempts of dead letters by key and number.
fn attempts(letters: &[Read]) -> BTreeMap<(usize, usize), u32> {
    let one = |(_, value, headers): &Read| {
        let value = String::from_utf8(value.clone().unwrap()).unwrap();
        let (key, number) = value.split_once(' ').unwrap();
        let attempts = headers["dead-letter-attempts"].parse().unwrap();
        ((key.parse().unwrap(), number.parse().unwrap()), attempts)
    };
    letters.iter().map(one).collect()
}

impl Plan {
    fn is_dead(self) -> bool {
        matches!(self, Self::Refuse | Self::Crash)
    }
}
