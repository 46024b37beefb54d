//! A simulated cluster: partitions, group members, and the rules that the trigger must obey.
//!
//! Everything happens in one thread and in virtual time, and every random choice comes from one
//! seed, so a run can be repeated. Rules are checked where they could be broken; violations are
//! collected, because a panic in a task would go unnoticed.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use kafka_trigger::{
    BoxError, Broker, DeadLetter, Event, Handler, Record, Response, RetryLog, RetryOffset,
    RetryRecord, Revocation, TopicPartition, Verdict,
};
use tokio::sync::Notify;

pub const TOPIC: &str = "t";

/// Behavior of the handler towards one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Fails this often, then succeeds.
    RetryThenDone(u32),
    /// Waits this often for something that is missing, fails once, then succeeds.
    BlockThenDone(u32),
    /// Is rejected.
    Reject,
    /// Crashes the handler each time.
    Crash,
    /// Takes longer than the timeout once, then succeeds.
    HangOnce,
}

/// A record to write.
#[derive(Debug, Clone, Copy)]
pub struct Planned {
    pub partition: u8,
    pub key: u8,
    /// Offsets without a record before it.
    pub gap: u8,
    pub plan: Plan,
}

pub type MemberId = u32;

/// Partition and offset of a record.
type Place = (i32, i64);

#[derive(Debug)]
struct Entry {
    offset: i64,
    key: u8,
    plan: Plan,
    deliveries: u32,
    is_settled: bool,
    /// Most attempts that the retry topic has confirmed.
    attempts: u32,
}

#[derive(Debug, Default)]
struct Partition {
    log: Vec<Entry>,
    next_offset: i64,
    committed: i64,
    retry_log: Vec<RetryRecord>,
    /// Committed offset of the retry log, and the number that was committed with it.
    retry_committed: (i64, Option<i64>),
    owner: Option<MemberId>,
    /// Increased with every change of the owner, so that late commits are told apart.
    epoch: u64,
    /// The next owner, while the present one drains.
    moving_to: Option<MemberId>,
    /// Number of times that its topic was created again.
    generation: i64,
    /// The committed offset is one of an earlier topic, so the next commit may be lower.
    is_stale: bool,
}

/// An assignment as its member sees it.
#[derive(Debug, Clone, Copy)]
struct Position {
    next: i64,
    epoch: u64,
    is_paused: bool,
}

/// A record as a member read it.
#[derive(Debug, Clone, Copy)]
struct Read {
    key: u8,
    place: Place,
    epoch: u64,
}

#[derive(Default)]
struct Member {
    is_alive: bool,
    is_lost: bool,
    events: VecDeque<Event>,
    positions: BTreeMap<i32, Position>,
    reads: Vec<Read>,
    running: BTreeSet<u8>,
    wake: Arc<Notify>,
}

pub struct State {
    random: fastrand::Rng,
    partitions: Vec<Partition>,
    members: BTreeMap<MemberId, Member>,
    pub dead_letters: Vec<(i32, i64, &'static str)>,
    pub fails_commits: bool,
    pub fails_dead_letters: bool,
    pub has_retry_topic: bool,
    pub fails_retries: bool,
    /// The store that the handler writes to is down.
    pub fails_store: bool,
    /// The store: the latest record that was written for each partition and key. Like the function,
    /// it ignores records that are older than what it has.
    pub store: BTreeMap<(i32, u8), i64>,
    /// A store without that rule, which holds the last record that an owner delivered.
    pub last: BTreeMap<(i32, u8), i64>,
    pub violations: Vec<String>,
    /// Everything that happened, in order.
    pub trace: Vec<String>,
    /// Most deliveries at a time of one member.
    pub in_flight: usize,
    pub repeated: usize,
}

#[derive(Clone)]
pub struct Cluster(Arc<Mutex<State>>);

pub fn id(partition: i32) -> TopicPartition {
    TopicPartition {
        topic: TOPIC.into(),
        partition,
    }
}

impl Cluster {
    pub fn new(seed: u64, partitions: usize, in_flight: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            random: fastrand::Rng::with_seed(seed),
            partitions: (0..partitions).map(|_| Partition::default()).collect(),
            members: BTreeMap::new(),
            dead_letters: Vec::new(),
            fails_commits: false,
            fails_dead_letters: false,
            has_retry_topic: false,
            fails_retries: false,
            fails_store: false,
            store: BTreeMap::new(),
            last: BTreeMap::new(),
            violations: Vec::new(),
            trace: Vec::new(),
            in_flight,
            repeated: 0,
        })))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn random_below(&self, bound: u64) -> u64 {
        self.state().random.u64(0..bound)
    }

    async fn delay(&self, max_millis: u64) {
        let delay = self.random_below(max_millis + 1);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
    }

    pub fn produce(&self, records: &[Planned]) {
        let mut state = self.state();
        for planned in records {
            let index = usize::from(planned.partition) % state.partitions.len();
            let partition = &mut state.partitions[index];
            let offset = partition.next_offset + i64::from(planned.gap);
            partition.next_offset = offset + 1;
            partition.log.push(Entry {
                offset,
                key: planned.key,
                plan: planned.plan,
                deliveries: 0,
                is_settled: false,
                attempts: 0,
            });
        }
        state.wake_all();
    }

    /// Adds a member without partitions.
    pub fn join(&self, member: MemberId) -> SimBroker {
        let new = Member {
            is_alive: true,
            ..Member::default()
        };
        self.state().members.insert(member, new);
        SimBroker {
            cluster: self.clone(),
            member,
        }
    }

    /// Ends a member without warning: none of its calls return any more.
    pub fn crash(&self, member: MemberId) {
        let events = self.state().remove(member);
        // Outside of the lock: a revocation calls back.
        drop(events);
    }

    /// Moves partitions to random owners, cooperatively.
    pub fn rebalance(&self) {
        let mut state = self.state();
        let alive = state.alive();
        for partition in 0..state.partitions.len() {
            let new = match alive.len() {
                0 => None,
                count => Some(alive[state.random.usize(0..count)]),
            };
            self.move_to(&mut state, partition as i32, new);
        }
    }

    fn move_to(&self, state: &mut State, partition: i32, new: Option<MemberId>) {
        let own = &mut state.partitions[partition as usize];
        match (own.owner, new) {
            (Some(owner), Some(_)) if own.moving_to.is_none() && Some(owner) != new => {
                own.moving_to = new;
                let (cluster, epoch) = (self.clone(), own.epoch);
                let release = move || cluster.finish_move(partition, epoch);
                let event = Event::Revoked(Revocation::new(vec![id(partition)], false, release));
                state.push(owner, event);
            }
            (None, Some(new)) => state.give(partition, new),
            _ => {}
        }
    }

    fn finish_move(&self, partition: i32, epoch: u64) {
        let mut state = self.state();
        let own = &mut state.partitions[partition as usize];
        if own.epoch != epoch {
            return;
        }
        if let Some(owner) = own.owner.take() {
            state.forget(owner, partition);
        }
        let own = &mut state.partitions[partition as usize];
        own.epoch += 1;
        let target = own.moving_to.take();
        let alive = state.alive();
        if let Some(new) = target
            .filter(|new| alive.contains(new))
            .or(alive.first().copied())
        {
            state.give(partition, new);
        }
    }

    /// Takes all partitions of a member away at once, as after a session timeout. Others may have
    /// them before the member learns of it.
    pub fn lose(&self, member: MemberId) {
        let mut state = self.state();
        let mut lost = Vec::new();
        for (index, partition) in state.partitions.iter_mut().enumerate() {
            if partition.owner == Some(member) {
                partition.owner = None;
                partition.moving_to = None;
                partition.epoch += 1;
                lost.push(index as i32);
            }
        }
        if lost.is_empty() {
            return;
        }
        state.log(format!("lose {member} {lost:?}"));
        let others: Vec<_> = state
            .alive()
            .into_iter()
            .filter(|id| *id != member)
            .collect();
        for partition in &lost {
            if !others.is_empty() {
                let new = others[state.random.usize(0..others.len())];
                state.give(*partition, new);
            }
        }
        let (cluster, ids) = (self.clone(), lost.iter().map(|own| id(*own)).collect());
        let release = move || {
            let mut state = cluster.state();
            for partition in lost {
                state.forget(member, partition);
                // Without others, the member gets them again when it has rejoined.
                if state.partitions[partition as usize].owner.is_none()
                    && let Some(first) = state.alive().first().copied()
                {
                    state.give(partition, first);
                }
            }
            if let Some(member) = state.members.get_mut(&member) {
                member.is_lost = false;
            }
        };
        state.members.get_mut(&member).unwrap().is_lost = true;
        state.push(member, Event::Revoked(Revocation::new(ids, true, release)));
    }

    /// Replaces a partition by an empty one, as when its topic is deleted and created again. The
    /// owner reads on from its old position until it is told.
    pub fn recreate(&self, partition: i32) {
        let mut state = self.state();
        let own = &mut state.partitions[partition as usize];
        own.log.clear();
        own.next_offset = 0;
        own.generation += 1;
        own.is_stale = true;
        for member in state.members.values_mut() {
            member.reads.retain(|read| read.place.0 != partition);
        }
    }

    /// Lets the owner read a partition from its beginning, as a client does whose position is out
    /// of range.
    pub fn reset_position(&self, partition: i32) {
        let mut state = self.state();
        for member in state.members.values_mut() {
            if let Some(position) = member.positions.get_mut(&partition) {
                position.next = 0;
            }
        }
        state.wake_all();
    }

    /// Sends an event to the owner of a partition.
    pub fn tell(&self, partition: i32, event: Event) {
        let mut state = self.state();
        let owner = state.partitions[partition as usize].owner.unwrap();
        state.push(owner, event);
    }

    pub fn is_committed(&self) -> bool {
        let state = self.state();
        state.partitions.iter().all(|partition| {
            let end = partition.log.last().map_or(0, |entry| entry.offset + 1);
            partition.committed == end
        })
    }

    pub fn committed(&self, partition: i32) -> i64 {
        self.state().partitions[partition as usize].committed
    }

    /// Number of records that members have read from a partition.
    pub fn reads(&self, partition: i32) -> usize {
        let state = self.state();
        let reads = state.members.values().flat_map(|member| &member.reads);
        reads.filter(|read| read.place.0 == partition).count()
    }

    pub fn is_paused(&self, member: MemberId, partition: i32) -> bool {
        self.state().members[&member].positions[&partition].is_paused
    }

    pub fn unsettled(&self) -> usize {
        let state = self.state();
        let entries = state.partitions.iter().flat_map(|partition| &partition.log);
        entries.filter(|entry| !entry.is_settled).count()
    }

    /// Returns the latest record of each partition and key that is not a dead letter: the expected
    /// contents of the store.
    pub fn latest(&self) -> BTreeMap<(i32, u8), i64> {
        let state = self.state();
        let mut latest = BTreeMap::new();
        for (partition, own) in (0_i32..).zip(&state.partitions) {
            for entry in &own.log {
                let is_dead = state
                    .dead_letters
                    .iter()
                    .any(|letter| (letter.0, letter.1) == (partition, entry.offset));
                if !is_dead {
                    latest.insert((partition, entry.key), entry.offset);
                }
            }
        }
        latest
    }

    /// Reports whether the retry logs are committed: nothing of their owners is left.
    pub fn is_retried(&self) -> bool {
        let state = self.state();
        state.partitions.iter().all(|own| {
            let (first, owner) = own.retry_committed;
            let mut left = own.retry_log[first as usize..].iter();
            owner.is_none() || left.all(|entry| number(entry, "retry-owner") != owner)
        })
    }

    /// Checks that no rule was broken.
    pub fn check(&self) {
        let state = self.state();
        if !state.violations.is_empty() {
            let trace = &state.trace[state.trace.len().saturating_sub(200)..];
            let violations = state.violations.join("\n");
            panic!("{}\n{violations}", trace.join("\n"));
        }
    }

    /// Number of deliveries so far.
    pub fn deliveries(&self) -> u32 {
        let state = self.state();
        let entries = state.partitions.iter().flat_map(|partition| &partition.log);
        entries.map(|entry| entry.deliveries).sum()
    }

    pub fn members(&self) -> Vec<MemberId> {
        self.state().alive()
    }
}

impl State {
    fn log(&mut self, text: String) {
        self.trace.push(text);
    }

    fn alive(&self) -> Vec<MemberId> {
        let members = self.members.iter();
        let alive = members.filter(|(_, member)| member.is_alive);
        alive.map(|(id, _)| *id).collect()
    }

    fn wake_all(&self) {
        for member in self.members.values() {
            member.wake.notify_one();
        }
    }

    fn push(&mut self, member: MemberId, event: Event) {
        if let Some(member) = self.members.get_mut(&member) {
            member.events.push_back(event);
            member.wake.notify_one();
        }
    }

    fn give(&mut self, partition: i32, new: MemberId) {
        let own = &mut self.partitions[partition as usize];
        own.owner = Some(new);
        own.epoch += 1;
        self.push(new, Event::Assigned(vec![id(partition)]));
    }

    fn forget(&mut self, member: MemberId, partition: i32) {
        let epoch = self.partitions[partition as usize].epoch;
        if let Some(member) = self.members.get_mut(&member)
            && let Some(position) = member.positions.get(&partition)
            && position.epoch <= epoch
        {
            member.positions.remove(&partition);
        }
    }

    /// Marks a member as dead and its partitions as free. Returns its events, to be dropped.
    fn remove(&mut self, member: MemberId) -> VecDeque<Event> {
        self.log(format!("end {member}"));
        for partition in &mut self.partitions {
            if partition.owner == Some(member) {
                partition.owner = None;
                partition.moving_to = None;
                partition.epoch += 1;
            }
        }
        let Some(member) = self.members.get_mut(&member) else {
            return VecDeque::new();
        };
        member.is_alive = false;
        std::mem::take(&mut member.events)
    }

    fn is_alive(&self, member: MemberId) -> bool {
        self.members[&member].is_alive
    }

    fn entry(&mut self, (partition, offset): Place) -> &mut Entry {
        let log = &mut self.partitions[partition as usize].log;
        let index = log.binary_search_by_key(&offset, |entry| entry.offset);
        &mut log[index.unwrap()]
    }

    fn settle(&mut self, place: Place) {
        let entry = self.entry(place);
        if std::mem::replace(&mut entry.is_settled, true) {
            self.repeated += 1;
        }
    }

    /// Takes the member's next event: one of its queue, or a record.
    fn next_event(&mut self, member: MemberId) -> Option<Event> {
        if let Some(event) = self.members.get_mut(&member)?.events.pop_front() {
            self.log(format!("{member} {event:?}"));
            if let Event::Assigned(list) = &event {
                for assigned in list {
                    let own = &self.partitions[assigned.partition as usize];
                    let position = Position {
                        next: own.committed,
                        epoch: own.epoch,
                        is_paused: false,
                    };
                    let member = self.members.get_mut(&member)?;
                    member.positions.insert(assigned.partition, position);
                }
            }
            return Some(event);
        }
        let mut ready = Vec::new();
        for (partition, position) in &self.members[&member].positions {
            let own = &self.partitions[*partition as usize];
            // A member that has lost a partition reads on until it learns of it.
            if position.is_paused || own.moving_to.is_some() {
                continue;
            }
            let next = own
                .log
                .partition_point(|entry| entry.offset < position.next);
            if next < own.log.len() {
                ready.push((*partition, next));
            }
        }
        if ready.is_empty() {
            return None;
        }
        let (partition, index) = ready[self.random.usize(0..ready.len())];
        let entry = &self.partitions[partition as usize].log[index];
        let (offset, key) = (entry.offset, entry.key);
        let generation = self.partitions[partition as usize].generation;
        self.log(format!("{member} reads {partition}@{offset}"));
        let member = self.members.get_mut(&member)?;
        let position = member.positions.get_mut(&partition)?;
        position.next = offset + 1;
        member.reads.push(Read {
            key,
            place: (partition, offset),
            epoch: position.epoch,
        });
        Some(Event::Record(Record {
            topic: TOPIC.into(),
            partition,
            offset,
            timestamp: Some(generation),
            key: Some(Bytes::copy_from_slice(&[key])),
            value: Some(Bytes::from_static(b"value")),
            headers: Vec::new(),
        }))
    }

    fn commit(
        &mut self,
        member: MemberId,
        offsets: &[(i32, i64, Option<u64>)],
        retries: &[(RetryOffset, Option<u64>)],
    ) -> Result<(), BoxError> {
        let mut result = Ok(());
        for (retry, epoch) in retries {
            let partition = retry.source.partition;
            let own = &mut self.partitions[partition as usize];
            if own.owner != Some(member) || Some(own.epoch) != *epoch {
                result = Err("the partition belongs to another member".into());
                continue;
            }
            let before =
                std::mem::replace(&mut own.retry_committed, (retry.offset, Some(retry.owner)));
            if retry.offset < before.0 {
                let text = format!("the retry commit of {partition} goes back from {before:?}");
                self.violations.push(text);
            }
            self.log(format!(
                "{member} commits the retries of {partition}: {retry:?}"
            ));
        }
        for (partition, offset, epoch) in offsets {
            let own = &self.partitions[*partition as usize];
            if own.owner != Some(member) || Some(own.epoch) != *epoch {
                result = Err("the partition belongs to another member".into());
                continue;
            }
            let before = own.committed;
            let is_stale = own.is_stale;
            if *offset < before && !is_stale {
                let text = format!("the commit of {partition} goes back from {before} to {offset}");
                self.violations.push(text);
            }
            let own = &mut self.partitions[*partition as usize];
            own.committed = *offset;
            own.is_stale = false;
            self.log(format!("{member} commits {partition}@{offset}"));
        }
        self.check_commits();
        result
    }

    /// Checks that everything before a committed offset is finished, or waits behind the committed
    /// offset of the retry log.
    fn check_commits(&mut self) {
        for (partition, own) in self.partitions.iter().enumerate() {
            let passed = own.log.iter().filter(|entry| entry.offset < own.committed);
            let (first, owner) = own.retry_committed;
            let is_kept = |entry: &Entry| {
                let mut kept = own.retry_log[first as usize..].iter();
                kept.any(|kept| {
                    state(kept) == "waiting"
                        && number(kept, "retry-owner") == owner
                        && number(kept, "retry-offset") == Some(entry.offset)
                })
            };
            let is_lost = |entry: &&Entry| !entry.is_settled && !is_kept(entry);
            if let Some(lost) = passed.filter(|_| !own.is_stale).find(is_lost) {
                let text = format!(
                    "{partition} is committed up to {} and {:?} before {lost:?}",
                    own.committed, own.retry_committed
                );
                self.violations.push(text);
            }
        }
    }

    /// Appends to a retry log. Returns the offset.
    fn append(
        &mut self,
        member: MemberId,
        partition: i32,
        record: &RetryRecord,
        is_confirmed: bool,
    ) -> i64 {
        let own = &mut self.partitions[partition as usize];
        let offset = own.retry_log.len() as i64;
        own.retry_log.push(record.clone());
        let is_owner = own.retry_committed.1 == number(record, "retry-owner");
        let place = number(record, "retry-offset");
        let Some(place) = place.filter(|_| is_owner) else {
            return offset;
        };
        let attempts = number(record, "retry-attempts").unwrap() as u32;
        // What comes after the next owner's first record is too late for it.
        let log = &self.partitions[partition as usize].retry_log;
        let last = log.iter().rposition(|entry| state(entry) == "owner");
        let is_in_time = last.map(|last| last as i64) == number(record, "retry-owner");
        let counts = is_in_time && self.owns(member, partition);
        let entry = self.entry((partition, place));
        let before = entry.attempts;
        if is_confirmed && counts {
            entry.attempts = attempts.max(before);
        }
        let key = entry.key;
        if attempts < before && counts {
            let text = format!("{partition}@{place}: {attempts} attempts after {before}");
            self.violations.push(text);
        }
        let is_dead = |letter: &(i32, i64, _)| (letter.0, letter.1) == (partition, place);
        if state(record) == "done" && !self.dead_letters.iter().any(is_dead) {
            self.last.insert((partition, key), place);
        }
        offset
    }

    /// Reports whether a member has a partition, and knows it.
    fn owns(&self, member: MemberId, partition: i32) -> bool {
        let own = &self.partitions[partition as usize];
        let position = self.members[&member].positions.get(&partition);
        own.owner == Some(member) && position.is_some_and(|position| position.epoch == own.epoch)
    }

    /// Checks that a delivery may begin.
    fn begin(&mut self, member: MemberId, place: Place) {
        let key = self.entry(place).key;
        self.entry(place).deliveries += 1;
        let mut violations = Vec::new();
        let log = &self.partitions[place.0 as usize].log;
        let mut earlier = log.iter().filter(|entry| entry.offset < place.1);
        if earlier.any(|entry| entry.key == key && !entry.is_settled) {
            violations.push(format!(
                "{place:?} overtakes a record of its key and partition"
            ));
        }
        let own = &self.members[&member];
        if own.running.contains(&key) {
            violations.push(format!("two deliveries of key {key} overlap"));
        }
        if own.running.len() >= self.in_flight {
            violations.push("too many deliveries run at a time".to_owned());
        }
        // Order across partitions: everything that this member read earlier, under an assignment
        // that it still has, is settled.
        let this = own.reads.iter().rposition(|read| read.place == place);
        // One of the retry topic may not have been read.
        for read in &own.reads[..this.unwrap_or(0)] {
            let position = own.positions.get(&read.place.0);
            let is_assigned = position.is_some_and(|position| position.epoch == read.epoch);
            let other = &self.partitions[read.place.0 as usize];
            let is_moving = other.moving_to.is_some() || other.epoch != read.epoch;
            let index = other
                .log
                .binary_search_by_key(&read.place.1, |entry| entry.offset);
            let is_settled = other.log[index.unwrap()].is_settled;
            if read.key == key && is_assigned && !is_moving && !is_settled {
                violations.push(format!("{place:?} overtakes {:?} of its key", read.place));
            }
        }
        self.violations.extend(violations);
        self.members.get_mut(&member).unwrap().running.insert(key);
        self.log(format!("{member} delivers {place:?}"));
    }
}

/// Returns the header that says what an entry of the retry topic is.
fn state(record: &RetryRecord) -> &str {
    header(record, "retry-state").unwrap()
}

fn number(record: &RetryRecord, name: &str) -> Option<i64> {
    Some(header(record, name)?.parse().unwrap())
}

fn header<'a>(record: &'a RetryRecord, name: &str) -> Option<&'a str> {
    let (_, value) = record.headers.iter().find(|(own, _)| own == name)?;
    Some(std::str::from_utf8(value.as_ref()?).unwrap())
}

/// One member's connection.
pub struct SimBroker {
    cluster: Cluster,
    member: MemberId,
}

impl SimBroker {
    /// Waits forever if the member has crashed.
    async fn alive(&self) {
        if !self.cluster.state().is_alive(self.member) {
            std::future::pending::<()>().await;
        }
    }
}

impl Broker for SimBroker {
    async fn next_event(&self) -> Event {
        let wake = self.cluster.state().members[&self.member].wake.clone();
        loop {
            self.alive().await;
            let event = self.cluster.state().next_event(self.member);
            match event {
                Some(event) => return event,
                None => wake.notified().await,
            }
            self.cluster.delay(3).await;
        }
    }

    fn pause(&self, partitions: &[TopicPartition]) {
        self.set_paused(partitions, true);
    }

    fn resume(&self, partitions: &[TopicPartition]) {
        self.set_paused(partitions, false);
    }

    async fn commit(
        &self,
        offsets: &[(TopicPartition, i64)],
        retries: &[RetryOffset],
    ) -> Result<(), BoxError> {
        let (offsets, retries): (Vec<_>, Vec<_>) = {
            let state = self.cluster.state();
            let positions = &state.members[&self.member].positions;
            let epoch = |partition| positions.get(&partition).map(|position| position.epoch);
            let offsets = offsets.iter();
            let offsets = offsets.map(|(id, offset)| (id.partition, *offset, epoch(id.partition)));
            let retries = retries.iter();
            let retries = retries.map(|own| (own.clone(), epoch(own.source.partition)));
            (offsets.collect(), retries.collect())
        };
        self.cluster.delay(300).await;
        self.alive().await;
        let fails = self.cluster.state().fails_commits;
        // The response of a failed commit may be what was lost.
        let is_applied = !fails || self.cluster.random_below(2) == 0;
        let result = match is_applied {
            true => self.cluster.state().commit(self.member, &offsets, &retries),
            false => Ok(()),
        };
        self.cluster.delay(50).await;
        self.alive().await;
        if fails {
            Err("no broker".into())
        } else {
            result
        }
    }

    fn is_assignment_lost(&self) -> bool {
        self.cluster.state().members[&self.member].is_lost
    }

    async fn write_dead_letter(&self, letter: &DeadLetter<'_>) -> Result<(), BoxError> {
        self.cluster.delay(20).await;
        self.alive().await;
        let mut state = self.cluster.state();
        let is_applied = !state.fails_dead_letters || state.random.bool();
        if is_applied {
            let place = (letter.record.partition, letter.record.offset);
            let reason = letter.reason.as_str();
            state.dead_letters.push((place.0, place.1, reason));
            state.log(format!("{} dead-letters {place:?}: {reason}", self.member));
            let known = state.entry(place).attempts;
            if letter.attempts < known && state.owns(self.member, place.0) {
                let text = format!(
                    "{place:?} dead-lettered with {} of {known}",
                    letter.attempts
                );
                state.violations.push(text);
            }
            state.settle(place);
        }
        match state.fails_dead_letters {
            true => Err("no broker".into()),
            false => Ok(()),
        }
    }

    fn has_retry_topic(&self) -> bool {
        self.cluster.state().has_retry_topic
    }

    async fn write_retry(
        &self,
        source: &TopicPartition,
        record: &RetryRecord,
    ) -> Result<i64, BoxError> {
        self.cluster.delay(20).await;
        self.alive().await;
        let (fails, offset) = {
            let mut state = self.cluster.state();
            let fails = state.fails_retries;
            let is_applied = !fails || state.random.bool();
            let offset =
                is_applied.then(|| state.append(self.member, source.partition, record, !fails));
            let text = format!("{} writes {:?} at {offset:?}", self.member, record.headers);
            state.log(text);
            (fails, offset)
        };
        // A member that ends now does not learn of it.
        self.cluster.delay(5).await;
        self.alive().await;
        match offset {
            Some(offset) if !fails => Ok(offset),
            _ => Err("no broker".into()),
        }
    }

    async fn read_retries(
        &self,
        until: &[(TopicPartition, i64)],
    ) -> Result<Vec<RetryLog>, BoxError> {
        self.cluster.delay(50).await;
        self.alive().await;
        let state = self.cluster.state();
        if state.fails_retries {
            return Err("no broker".into());
        }
        let log = |(id, until): &(TopicPartition, i64)| {
            let own = &state.partitions[id.partition as usize];
            let (first, owner) = own.retry_committed;
            let record = |offset: i64| {
                let entry = own.retry_log[offset as usize].clone();
                Record {
                    topic: "retries".into(),
                    partition: id.partition,
                    offset,
                    timestamp: None,
                    key: entry.key,
                    value: entry.value,
                    headers: entry.headers,
                }
            };
            RetryLog {
                records: (first..*until).map(record).collect(),
                owner,
                source: own.committed..own.next_offset,
            }
        };
        Ok(until.iter().map(log).collect())
    }

    async fn close(&self) {
        self.cluster.crash(self.member);
    }
}

impl SimBroker {
    fn set_paused(&self, partitions: &[TopicPartition], is_paused: bool) {
        let mut state = self.cluster.state();
        state.log(format!(
            "{} pauses {partitions:?}: {is_paused}",
            self.member
        ));
        let member = state.members.get_mut(&self.member).unwrap();
        for id in partitions {
            if let Some(position) = member.positions.get_mut(&id.partition) {
                position.is_paused = is_paused;
            }
        }
        member.wake.notify_one();
    }
}

/// A handler that follows the plans.
pub struct SimHandler {
    pub cluster: Cluster,
    pub member: MemberId,
}

/// Ends a delivery, also one that is dropped.
struct Delivering<'a>(&'a SimHandler, u8);

impl Drop for Delivering<'_> {
    fn drop(&mut self) {
        let mut state = self.0.cluster.state();
        let member = state.members.get_mut(&self.0.member).unwrap();
        member.running.remove(&self.1);
    }
}

impl Handler for SimHandler {
    type State = ();

    async fn handle(&self, record: &Record, _: &mut ()) -> Response {
        if !self.cluster.state().is_alive(self.member) {
            return std::future::pending().await;
        }
        let place = (record.partition, record.offset);
        let (plan, key, deliveries) = {
            let mut state = self.cluster.state();
            state.begin(self.member, place);
            let entry = state.entry(place);
            (entry.plan, entry.key, entry.deliveries)
        };
        let _delivering = Delivering(self, key);
        if plan == Plan::HangOnce && deliveries == 1 {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        self.cluster.delay(200).await;
        if !self.cluster.state().is_alive(self.member) {
            return std::future::pending().await;
        }
        if self.cluster.state().fails_store {
            return Response::from_status(503);
        }
        let is_blocked = matches!(plan, Plan::BlockThenDone(times) if deliveries <= times);
        let mut response = Response::from_status(match plan {
            Plan::RetryThenDone(failures) if deliveries <= failures => 503,
            Plan::BlockThenDone(times) if deliveries <= times + 1 => 503,
            Plan::RetryThenDone(_) | Plan::BlockThenDone(_) | Plan::HangOnce => 200,
            Plan::Reject => 422,
            // Without a message by the panic hook.
            Plan::Crash => std::panic::resume_unwind(Box::new("the handler crashes")),
        });
        if is_blocked {
            response.verdict = Verdict::Blocked;
        }
        if response.verdict == Verdict::Done {
            let mut state = self.cluster.state();
            state.settle(place);
            let stored = state.store.entry((place.0, key)).or_insert(place.1);
            *stored = place.1.max(*stored);
            if state.owns(self.member, place.0) {
                state.log(format!("{} done {place:?}", self.member));
                state.last.insert((place.0, key), place.1);
            }
        }
        response
    }
}
