//! One trace across three processes: a call leads to a call of the next one, and that to a call back through the one between. Every
//! process opens spans, on both sides of each call; together they are one tree, with one trace id and one chain.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use netref::around::Spans;
use netref::{Context, Node, NodeBuilder, Remote, Result, TraceContext, remote};
use netref_tests::seen::{Fields, Seen};

/// What a child says begins with it: the harness says things too.
const MARK: &str = "netref-trace ";
/// Which process a child is, where it connects to, and whether it opens spans.
const ROLE: &str = "NETREF_TEST_TRACE_ROLE";
const URL: &str = "NETREF_TEST_TRACE_URL";
const SPANS: &str = "NETREF_TEST_TRACE_SPANS";

const PATIENCE: Duration = Duration::from_secs(60);

#[remote]
trait Shop {
    /// Gives what the context of the handler in the store is, as it sees it.
    async fn buy(&self, customer: Remote<dyn Customer>) -> Result<(Option<String>, Option<u128>)>;
}

#[remote]
trait Customer {
    async fn sign(&self) -> Result<()>;
}

/// It is the shop of the process in the middle, which asks the next one, and that of the last one, which asks the customer.
struct Branch(Option<Remote<dyn Shop>>);

impl Shop for Branch {
    async fn buy(&self, customer: Remote<dyn Customer>) -> Result<(Option<String>, Option<u128>)> {
        if let Some(next) = &self.0 {
            return next.buy(customer).await;
        }
        customer.sign().await?;
        Ok((TraceContext::current().map(|trace| trace.to_string()), Context::current().chain()))
    }
}

struct Ada;

impl Customer for Ada {
    async fn sign(&self) -> Result<()> {
        Ok(())
    }
}

fn builder(spans: bool) -> NodeBuilder {
    let builder = Node::builder();
    if spans { builder.intercept_incoming(Spans::new()).intercept_outgoing(Spans::new()) } else { builder }
}

/// Not a test by itself: what the other processes do.
#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let seen = Seen::telling(move |fields| println!("{MARK}{role} {}", line(fields)));
    tracing::subscriber::set_global_default(seen).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let node = builder(std::env::var_os(SPANS).is_some()).listen("tcp://127.0.0.1:0").start().await.unwrap();
        let next = match std::env::var(URL) {
            Ok(url) => Some(node.connect(&url).await.unwrap()),
            Err(_) => None,
        };
        node.publish("shop", Remote::<dyn Shop>::new(Branch(next))).unwrap();
        println!("{MARK}url {}/shop", node.addresses()[0]);
        std::io::stdout().flush().unwrap();
        // Until the test has closed the standard input, or is gone.
        tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await.unwrap().unwrap();
    });
    std::process::exit(0);
}

fn line(fields: &Fields) -> String {
    fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("\t")
}

fn fields_of(line: &str) -> Fields {
    line.split('\t').filter_map(|field| field.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A child process, ended when this is dropped.
struct Child {
    process: std::process::Child,
    lines: mpsc::Receiver<String>,
}

impl Child {
    fn start(role: &str, url: Option<&str>, spans: bool) -> (Self, String) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child", "--nocapture", "--test-threads=1"]).env(ROLE, role);
        command.envs(url.map(|url| (URL, url))).envs(spans.then_some((SPANS, "yes")));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = process.stdout.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(std::io::Result::ok) {
                if let Some((_, said)) = line.split_once(MARK) {
                    let _ = sender.send(said.to_owned());
                }
            }
        });
        let child = Self { process, lines };
        let said = child.says();
        let url = said.strip_prefix("url ").expect("first of all it says where it listens").to_owned();
        (child, url)
    }

    fn says(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("the child says something")
    }

    /// So many spans of the child, each with the process in it.
    fn spans(&self, count: usize) -> Vec<Fields> {
        (0..count)
            .map(|_| {
                let said = self.says();
                let (role, fields) = said.split_once(' ').unwrap();
                with_process(fields_of(fields), role)
            })
            .collect()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn with_process(mut fields: Fields, process: &str) -> Fields {
    fields.insert("process".to_owned(), process.to_owned());
    fields
}

/// Buys something through three processes. Gives all spans, and what the last handler saw.
fn bought(middle_has_spans: bool) -> (Vec<Fields>, (Option<String>, Option<u128>)) {
    let (last, url) = Child::start("last", None, true);
    let (middle, url) = Child::start("middle", Some(&url), middle_has_spans);
    let seen = Seen::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // One thread, so that this test's subscriber is its own.
    let _listening = tracing::subscriber::set_default(seen.clone());
    let result = runtime.block_on(async {
        let node = builder(true).start().await.unwrap();
        let shop: Remote<dyn Shop> = node.connect(&url).await.unwrap();
        shop.buy(Remote::new(Ada)).await.unwrap()
    });
    let mut spans: Vec<_> = seen.spans().into_iter().map(|fields| with_process(fields, "first")).collect();
    spans.extend(last.spans(2));
    if middle_has_spans {
        spans.extend(middle.spans(4));
    }
    (spans, result)
}

/// The span of one side of one call.
fn span<'a>(spans: &'a [Fields], process: &str, side: &str, method: &str) -> &'a Fields {
    let fits = |span: &&Fields| span["process"] == process && span["side"] == side && span["method"].ends_with(method);
    let found: Vec<_> = spans.iter().filter(fits).collect();
    assert_eq!(found.len(), 1, "{process} {side} {method} in {spans:#?}");
    found[0]
}

/// Checks that the spans are one line of descent, in one trace and one chain.
fn descend(spans: &[Fields], line: &[(&str, &str, &str)], result: &(Option<String>, Option<u128>)) {
    assert_eq!(spans.len(), line.len(), "{spans:#?}");
    let line: Vec<_> = line.iter().map(|(process, side, method)| span(spans, process, side, method)).collect();
    assert!(!line[0].contains_key("parent_id"), "the first one is the root: {:?}", line[0]);
    for pair in line.windows(2) {
        assert_eq!(pair[1]["parent_id"], pair[0]["span_id"], "{pair:#?}");
    }
    for span in &line {
        assert_eq!((&span["trace_id"], &span["chain"]), (&line[0]["trace_id"], &line[0]["chain"]), "{span:?}");
        assert_eq!(span["outcome"], "ok");
    }
    let ids: std::collections::BTreeSet<_> = line.iter().map(|span| &span["span_id"]).collect();
    assert_eq!(ids.len(), line.len(), "no id twice");
    // What the last handler saw: the context of its own span, and the chain.
    let (trace, chain) = result;
    let trace: TraceContext = trace.as_ref().expect("it has a context").parse().unwrap();
    let own = span(spans, "last", "callee", "Shop.buy");
    assert_eq!(
        (format!("{:032x}", trace.trace_id()), format!("{:016x}", trace.span_id())),
        (own["trace_id"].clone(), own["span_id"].clone())
    );
    assert_eq!(chain.map(|chain| format!("{chain:032x}")).as_ref(), Some(&own["chain"]));
}

#[test]
fn spans_of_three_processes_are_one_tree_in_one_trace() {
    let (spans, result) = bought(true);
    let line = [
        ("first", "caller", "Shop.buy"),
        ("middle", "callee", "Shop.buy"),
        ("middle", "caller", "Shop.buy"),
        ("last", "callee", "Shop.buy"),
        ("last", "caller", "Customer.sign"),
        ("middle", "callee", "Customer.sign"), // it only passes the call on
        ("middle", "caller", "Customer.sign"),
        ("first", "callee", "Customer.sign"),
    ];
    descend(&spans, &line, &result);
}

#[test]
fn process_without_spans_does_not_break_the_trace() {
    let (spans, result) = bought(false);
    let line = [
        ("first", "caller", "Shop.buy"),
        ("last", "callee", "Shop.buy"),
        ("last", "caller", "Customer.sign"),
        ("first", "callee", "Customer.sign"),
    ];
    descend(&spans, &line, &result);
}
