//! The task that owns the assignment: it dispatches records, pauses and resumes partitions, commits
//! finished offsets, and drains partitions before it gives them up.

use std::sync::Arc;

use tokio::{sync::watch, task::JoinHandle, time::Instant};

use crate::{
    Broker, Error, Event, Handler, Options, Record, TopicPartition,
    assignment::Assignment,
    committer::{Committer, Due},
    job::Job,
    keyed_queues::KeyedQueues,
    offsets::Begun,
    partition::Partition,
    restoring::Restoring,
    retries::expected::Waiting,
};

/// Runs one trigger.
pub(crate) struct Coordinator<B, H: Handler> {
    pub(crate) queues: Arc<KeyedQueues<B, H>>,
    pub(crate) committer: Arc<Committer<B>>,
    pub(crate) assignment: Arc<Assignment>,
    pub(crate) options: Options,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) restoring: Restoring<B>,
    /// The last commit, which may still be running.
    pub(crate) committing: Option<JoinHandle<()>>,
    /// Partitions of replaced logs whose records are still being delivered: those records are
    /// nowhere else any more. Their offsets are not committed.
    pub(crate) replaced: Vec<Arc<Partition>>,
}

impl<B: Broker, H: Handler> Coordinator<B, H> {
    /// Reads until the trigger is stopped, then drains, commits and leaves the group.
    pub(crate) async fn run(mut self) -> Result<(), Error> {
        let result = self.read().await;
        // Finished records are committed at once: a supervisor that asked us to end may not wait
        // for the rest.
        self.start_commit();
        self.release(&self.assignment.all()).await;
        self.committer.broker.close().await;
        result
    }

    async fn read(&mut self) -> Result<(), Error> {
        let broker = self.committer.broker.clone();
        let mut stop = self.stop.clone();
        let mut tick = tokio::time::interval(self.options.commit_interval);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            // Biased for repeatable simulations. Events come last: they may be always ready.
            tokio::select! {
                biased;
                () = stopped(&mut stop) => return Ok(()),
                _ = tick.tick() => {
                    self.start_commit();
                    self.record_parked();
                }
                () = self.assignment.wake.notified() => {}
                restored = self.restoring.next() => {
                    for (partition, restored) in restored {
                        if !self.assignment.has(&partition) {
                            continue;
                        }
                        let (waiting, held) = restored.adopt(&partition);
                        self.push_parked(&partition, waiting);
                        for record in held {
                            self.dispatch(record).await;
                        }
                    }
                }
                event = broker.next_event() => match event {
                    Event::Record(record) => {
                        if let Some(partition) = self.dispatch(record).await {
                            self.adjust(&[partition]);
                        }
                        continue;
                    }
                    Event::Assigned(partitions) => self.assign(partitions),
                    Event::Revoked(revocation) => {
                        let kind = if revocation.is_lost { "lost" } else { "revoked" };
                        let metrics = &self.committer.metrics;
                        metrics.record_rebalance(kind, -count(&revocation.partitions));
                        self.release(&self.assignment.select(&revocation.partitions)).await;
                        drop(revocation);
                    }
                    Event::Recreated(partitions) => {
                        for (id, offset) in partitions {
                            self.start_over(&id, offset).await;
                        }
                    }
                    Event::ReadUpTo(offsets) => {
                        for (id, offset) in offsets {
                            for partition in self.assignment.select(&[id]) {
                                partition.state().offsets.read_up_to(offset);
                            }
                        }
                    }
                    Event::Lag(lags) => self.record_lags(&lags),
                    Event::Fatal(error) => return Err(Error::Broker(error)),
                },
            }
            self.adjust(&self.assignment.all());
        }
    }

    fn assign(&self, partitions: Vec<TopicPartition>) {
        let metrics = &self.committer.metrics;
        metrics.record_rebalance("assigned", count(&partitions));
        let new = partitions.into_iter();
        let new: Vec<_> = new.map(|id| self.assignment.get_or_insert(id)).collect();
        self.restoring.begin(new);
    }

    fn record_lags(&self, lags: &[(TopicPartition, i64)]) {
        for (id, records) in lags {
            // The client may still know partitions that are assigned no more.
            if !self.assignment.select(std::slice::from_ref(id)).is_empty() {
                let metrics = &self.committer.metrics;
                metrics.set_lag(&self.options.group, id, Some(*records));
            }
        }
    }

    fn record_parked(&self) {
        for partition in self.assignment.all() {
            if partition.retries().is_some() {
                let (metrics, parked) = (&self.committer.metrics, partition.parked());
                metrics.set_parked(&self.options.group, &partition.id, Some(parked));
            }
        }
    }

    async fn dispatch(&mut self, record: Record) -> Option<Arc<Partition>> {
        let id = record.topic_partition();
        let fingerprint = record.fingerprint();
        let mut partition = self.assignment.get_or_insert(id.clone());
        if let Some(held) = &mut partition.state().held {
            held.push(record);
            return None;
        }
        let begun = partition.state().offsets.begin(record.offset, fingerprint);
        match begun {
            Begun::New => {}
            Begun::Repeated => return None,
            Begun::Fallen => {
                self.start_over(&id, record.offset).await;
                partition = self.assignment.get_or_insert(id);
                _ = partition.state().offsets.begin(record.offset, fingerprint);
            }
        }
        let passed = partition.state().expected.pass(&record);
        self.push_parked(&partition, passed.before);
        if let Some(own) = passed.own {
            partition.state().offsets.finish(record.offset);
            self.push_parked(&partition, vec![own]);
        } else {
            let failures = passed.failures;
            self.queues.push(Job {
                failures,
                ..Job::new(record, partition.clone())
            });
        }
        Some(partition)
    }

    /// Delivers records that wait on the retry topic.
    fn push_parked(&self, partition: &Arc<Partition>, waiting: Vec<Waiting>) {
        for waiting in waiting {
            self.queues.push(Job::restored(partition.clone(), waiting));
        }
    }

    /// Begins a partition again whose log was replaced, usually because its topic was deleted and
    /// created again: what was finished or committed of the log before says nothing of this one.
    async fn start_over(&mut self, id: &TopicPartition, offset: i64) {
        let Some(old) = self.assignment.replace(id, offset) else {
            return;
        };
        let text = format!(
            "{id} begins again, because its topic was deleted and created again; reading it from \
             offset {offset}"
        );
        self.committer.log.warn("topic", &text);
        self.committer.metrics.record_restart(&id.topic);
        // A commit of the log before must not arrive after one of this log.
        if let Some(committing) = self.committing.take() {
            _ = committing.await;
        }
        if old.state().is_paused {
            self.committer.broker.resume(std::slice::from_ref(id));
        }
        let expected = old.state().expected.take();
        let held = old.state().held.take();
        for new in self.assignment.select(std::slice::from_ref(id)) {
            self.push_parked(&new, expected.clone());
            if held.is_some() {
                self.restoring.begin(vec![new]);
            }
        }
        for record in held.unwrap_or_default() {
            self.queues.push(Job::new(record, old.clone()));
        }
        self.replaced
            .retain(|partition| partition.state().offsets.unfinished() > 0);
        self.replaced.push(old);
    }

    /// Pauses and resumes these partitions according to their state.
    fn adjust(&self, partitions: &[Arc<Partition>]) {
        let is_full = self.assignment.held_bytes() > self.options.max_held_bytes;
        let (mut pause, mut resume) = (Vec::new(), Vec::new());
        for partition in partitions {
            let parked = partition.parked();
            let mut state = partition.state();
            let is_holding = state.offsets.unfinished() + parked > 0;
            let should_pause = is_full && is_holding || state.should_pause(&self.options, parked);
            if should_pause == state.is_paused || partition.is_revoked() {
                continue;
            }
            state.is_paused = should_pause;
            let list = if should_pause {
                &mut pause
            } else {
                &mut resume
            };
            list.push(partition.id.clone());
        }
        if !pause.is_empty() {
            self.committer.broker.pause(&pause);
        }
        if !resume.is_empty() {
            self.committer.broker.resume(&resume);
        }
    }

    /// Starts to commit finished offsets, unless a commit is running.
    fn start_commit(&mut self) {
        let running = self.committing.as_ref();
        if running.is_some_and(|task| !task.is_finished()) {
            return;
        }
        let due = Due::of(&self.assignment.all());
        if !due.is_empty() {
            let committer = self.committer.clone();
            self.committing = Some(tokio::spawn(async move { committer.commit(due).await }));
        }
    }

    /// Gives partitions up: no further delivery begins, running ones are waited for, and finished
    /// offsets are committed, unless other members have the partitions already.
    async fn release(&mut self, partitions: &[Arc<Partition>]) {
        let is_given_up = |old: &mut Arc<Partition>| partitions.iter().any(|own| own.id == old.id);
        let replaced: Vec<_> = self.replaced.extract_if(.., is_given_up).collect();
        let ending = || partitions.iter().chain(&replaced);
        for partition in ending() {
            partition.revoke();
        }
        let deadline = Instant::now() + self.options.drain;
        let mut late = 0;
        for partition in ending() {
            late += usize::from(!partition.drain(deadline).await);
        }
        let Committer {
            broker,
            metrics,
            log,
        } = &*self.committer;
        if late > 0 {
            let text = format!(
                "{late} partitions were given up while deliveries were running, which may be \
                 repeated"
            );
            log.warn("rebalance", &text);
        }
        let paused: Vec<_> = partitions
            .iter()
            .filter(|partition| partition.state().is_paused)
            .map(|partition| partition.id.clone())
            .collect();
        if !paused.is_empty() {
            // A client keeps the pause, and the partition may be assigned to it again.
            broker.resume(&paused);
        }
        // An earlier commit must not arrive after the last one: it would move the offset back.
        if let Some(committing) = self.committing.take() {
            _ = committing.await;
        }
        if !broker.is_assignment_lost() {
            self.committer.commit(Due::of(partitions)).await;
        }
        for partition in partitions {
            metrics.set_lag(&self.options.group, &partition.id, None);
            metrics.set_parked(&self.options.group, &partition.id, None);
        }
        self.assignment.remove(partitions);
    }
}

/// Waits until the trigger is stopped or dropped.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender was dropped.
    _ = stop.wait_for(|stop| *stop).await;
}

fn count(partitions: &[TopicPartition]) -> i64 {
    i64::try_from(partitions.len()).unwrap_or(i64::MAX)
}
