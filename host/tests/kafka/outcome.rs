//! What every scenario must come to, and the line that it adds to the table.

use bytes::Bytes;
use testkit::{kafka::Topic, wait::until};
use tokio::sync::OnceCell;

use crate::{
    host::Host,
    site::{ANONYMIZED, PROCESSED, Site, key, picture},
};

/// What the pictures become when nothing goes wrong and no Kafka is there: by HTTP, one after the other.
pub async fn reference() -> &'static [Bytes] {
    static REFERENCE: OnceCell<Vec<Bytes>> = OnceCell::const_new();
    let make = async || {
        let site = Site::open().await;
        let host = Host::start(&site, "", "", "", &[]);
        let url = format!("http://{}/", host.address);
        let http = s3::Transport::http();
        let mut all = Vec::new();
        for index in 0..7 {
            let event = site.put(&key("r", index), picture(index)).await;
            let request = http::Request::post(&url).header("content-type", "application/json");
            let answer = http
                .send(request.body(event.into()).unwrap())
                .await
                .unwrap();
            assert_eq!(answer.status(), 200);
            all.push(site.processed(&key("r", index)).await.unwrap());
        }
        all
    };
    REFERENCE.get_or_init(make).await
}

/// What a scenario was about.
pub struct Scenario<'a> {
    pub name: &'static str,
    pub site: &'a Site,
    pub topic: &'a Topic,
    pub group: &'a str,
    /// Notifications that were written.
    pub sent: usize,
    /// Prefix and number of the objects that must have their outputs.
    pub objects: &'a [(&'a str, usize)],
    /// PUTs that may come twice.
    pub repeated: u32,
}

impl Scenario<'_> {
    /// Waits until everything is committed, and checks that every object is as it should be.
    pub async fn check(&self) {
        let Self {
            site, topic, group, ..
        } = self;
        until(&format!("{}: all is committed", self.name), || {
            topic.is_done(group)
        });
        let reference = reference().await;
        let (mut lost, mut different) = (0, 0);
        for (prefix, count) in self.objects {
            for index in 0..*count {
                match site.processed(&key(prefix, index)).await {
                    None => lost += 1,
                    Some(bytes) => different += usize::from(bytes != reference[index % 7]),
                }
            }
        }
        let objects: usize = self.objects.iter().map(|(_, count)| count).sum();
        let (puts, repeated) = site.puts();
        let handled = self.handled();
        println!(
            "FAULTS {:<28} sent {:>5}  handled {handled:>5}  again {:>3}  PUTs {puts:>4}  repeated {repeated:>2}  lost {lost}  different {different}  commits {:>3}",
            self.name,
            self.sent,
            handled.saturating_sub(self.sent),
            topic.commits(group),
        );
        assert_eq!((lost, different), (0, 0), "{}", self.name);
        assert_eq!(site.count(PROCESSED), objects, "{}: processed", self.name);
        assert_eq!(site.count(ANONYMIZED), objects, "{}: anonymized", self.name);
        assert!(
            repeated <= self.repeated,
            "{}: {repeated} PUTs came twice",
            self.name
        );
        assert!(
            handled >= self.sent,
            "{}: {handled} of {} were handled",
            self.name,
            self.sent
        );
    }

    /// Reports of the function that are ends, over all hosts.
    fn handled(&self) -> usize {
        let log = std::fs::read_to_string(self.site.dir.path().join("logs/xray_stdout.txt"));
        let log = log.unwrap_or_default();
        log.lines()
            .filter(|line| !line.contains("\"outcome\":\"retry\""))
            .count()
    }
}
