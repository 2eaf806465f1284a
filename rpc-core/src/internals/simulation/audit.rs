//! Owns what must hold between the two ends of a session after every step, whatever is on its way: credit, counts, and whose turn each
//! call is. Nothing is remembered for it; all of it is read off the tables and the bytes.

use std::collections::BTreeMap;

use super::end::End;
use super::world::{Stale, World, across};
use crate::id::{CallId, ExportId};
use crate::limits::Size;
use crate::proto::{AheadRoom, Answer, Place};
use crate::wire::{self, Body, Descriptor, Frame, Window};

/// What is on its way from one end to the other, queued frames included.
#[derive(Default)]
struct Flight {
    call_cost: u64,
    return_cost: u64,
    call_credit: u64,
    return_credit: u64,
    calls: Vec<CallId>,
    returns: Vec<CallId>,
    finishes: Vec<CallId>,
    references: BTreeMap<ExportId, u64>,
    released: BTreeMap<ExportId, u64>,
    goes_away: bool,
}

impl Flight {
    fn of(end: &End) -> Self {
        let mut flight = Self::default();
        for mut bytes in [&end.pipe.bytes[..], &end.out[..]] {
            while let Some((body, consumed)) = wire::split(bytes) {
                if let Ok(frame) = wire::decode(body) {
                    flight.add(&frame);
                }
                bytes = &bytes[consumed..];
            }
        }
        flight
    }

    fn add(&mut self, frame: &Frame<'_>) {
        match frame {
            Frame::Call(call) => {
                self.calls.push(call.id);
                self.call_cost += self.body(&call.body);
            }
            Frame::Return(answer) => {
                self.returns.push(answer.id);
                self.return_cost += self.body(&answer.body);
            }
            Frame::Finish(finish) if !finish.cancel => self.finishes.push(finish.id),
            Frame::Release(release) => {
                for &(export, count) in &release.entries {
                    *self.released.entry(export).or_default() += u64::from(count);
                }
            }
            Frame::Credit(credit) if credit.window == Window::Calls => self.call_credit += credit.bytes,
            Frame::Credit(credit) => self.return_credit += credit.bytes,
            Frame::GoAway(_) => self.goes_away = true,
            _ => {}
        }
    }

    /// Counts the references of a body. Gives what it takes of its window.
    fn body(&mut self, body: &Body<'_>) -> u64 {
        for descriptor in &body.references {
            if let Descriptor::Hosted { export, .. } = descriptor {
                *self.references.entry(*export).or_default() += 1;
            }
        }
        Size::new(body.total, body.references.len(), 0).cost
    }
}

/// The first thing that does not hold between the ends of a session.
pub(super) fn audit(world: &World) -> Result<(), String> {
    for one in (0..world.ends.len()).step_by(2) {
        let ends = [&world.ends[one], &world.ends[across(one)]];
        for end in ends {
            if !end.open {
                check_empty(end)?;
            }
        }
        for at in [one, across(one)] {
            if let Some(call) = world.forgotten(at) {
                return Err(format!("call {call} waits at end {at} although there is room for it"));
            }
        }
        if ends.iter().all(|end| end.open && !end.pipe.cut) {
            let flights = ends.map(Flight::of);
            for (this, that) in [(0, 1), (1, 0)] {
                let at = one + this;
                check_pair(world, ends[this], ends[that], &flights[this], &flights[that]).map_err(|text| format!("end {at}: {text}"))?;
            }
        }
    }
    check_stale(world)
}

/// What holds for calls made by `this` and objects exported by `this`.
fn check_pair(world: &World, this: &End, that: &End, there: &Flight, back: &Flight) -> Result<(), String> {
    this.proto.check()?;
    check_credit(this, that, there, back)?;
    check_counts(world, this, that, there, back)?;
    check_calls(this, that, there, back)
}

fn check_credit(this: &End, that: &End, there: &Flight, back: &Flight) -> Result<(), String> {
    let (mine, theirs) = (this.proto.windows(), that.proto.windows());
    let calls = mine.calls_out.available() + there.call_cost + theirs.calls_in.used() + back.call_credit;
    if calls != that.proto.ours.call_window {
        return Err(format!("the credit for calls adds up to {calls} and not to {}", that.proto.ours.call_window));
    }
    let returns = mine.returns_out.available() + there.return_cost + theirs.returns_in.used() + back.return_credit;
    if returns != that.proto.ours.return_window {
        return Err(format!("the credit for returns adds up to {returns} and not to {}", that.proto.ours.return_window));
    }
    let arriving: u64 = that.pending.values().map(|pending| pending.cost).sum();
    let in_line = that.lines.iter().map(|place| if let Place::Ready(_, ready) = place { ready.cost } else { 0 });
    let waiting = that.queued.values().filter(|queued| queued.is_here).map(|queued| queued.cost);
    let kept = theirs.calls_in.owed() + arriving + in_line.sum::<u64>() + waiting.sum::<u64>();
    if theirs.calls_in.used() != kept {
        return Err(format!("the peer has {kept} bytes of calls and {} in use", theirs.calls_in.used()));
    }
    let kept = theirs.returns_in.owed() + that.partial.values().map(|partial| partial.cost).sum::<u64>();
    if theirs.returns_in.used() != kept {
        return Err(format!("the peer has {kept} bytes of returns and {} in use", theirs.returns_in.used()));
    }
    Ok(())
}

fn check_counts(world: &World, this: &End, that: &End, there: &Flight, back: &Flight) -> Result<(), String> {
    let mut counts: BTreeMap<ExportId, u64> = that.proto.imports.iter().collect();
    for (&export, &count) in there.references.iter().chain(&back.released) {
        *counts.entry(export).or_default() += count;
    }
    let exported: BTreeMap<ExportId, u64> = this.proto.exports.iter().collect();
    if exported != counts {
        return Err(format!("exports count {exported:?}, and what is held or on its way is {counts:?}"));
    }
    if exported.len() != this.servants.len() {
        return Err(format!("{} exports stand for {} objects", exported.len(), this.servants.len()));
    }
    // What is counted as received is attributed to a reference that is alive, or about to be given back.
    let mut attributed: BTreeMap<ExportId, u64> = BTreeMap::new();
    for &(export, count) in &that.releases {
        *attributed.entry(export).or_default() += u64::from(count);
    }
    for number in that.imports.values() {
        if let Some(import) = world.nodes[that.node].imports.get(number) {
            *attributed.entry(import.export).or_default() += u64::from(import.count);
        }
    }
    let received: BTreeMap<ExportId, u64> = that.proto.imports.iter().collect();
    if attributed != received {
        return Err(format!("the peer has received {received:?} and holds {attributed:?}"));
    }
    Ok(())
}

/// Each call that was sent and is not answered is in exactly one place.
fn check_calls(this: &End, that: &End, there: &Flight, back: &Flight) -> Result<(), String> {
    let mut running = 0;
    for (id, question) in this.proto.questions.iter().filter(|(_, question)| question.awaits_return()) {
        let on_its_way = there.calls.contains(&id);
        let runs = that.proto.answers.is_running(id);
        running += usize::from(runs);
        let comes_back = back.returns.contains(&id);
        let arrives = this.proto.return_pieces.is_open(id);
        let refused =
            !on_its_way && back.goes_away && that.proto.answers.is_departing() && question.sequence > that.proto.answers.arrived();
        let places = [on_its_way, runs, comes_back, arrives, refused].into_iter().filter(|&is_there| is_there).count();
        if places != 1 {
            return Err(format!("{id:?} ({question:?}) is in {places} places and not in one"));
        }
    }
    if running != that.proto.answers.running() {
        return Err(format!("{} calls run at the peer, and {running} of them are known here", that.proto.answers.running()));
    }
    for (id, answer) in that.proto.answers.iter() {
        if that.kept.contains_key(&id) || there.finishes.contains(&id) && this.proto.questions.get(id).is_none() {
            // Its caller has it, or has said what ends that.
            let ends = this.proto.questions.get(id).is_some() || there.finishes.contains(&id);
            if !ends && answer == Answer::Holding {
                return Err(format!("the result of {id:?} is kept for calls at the peer, and nothing will end that"));
            }
            continue;
        }
        let is_held = that.held_results.contains_key(&id);
        let ends = usize::from(back.returns.contains(&id)) + there.finishes.iter().filter(|&&finished| finished == id).count();
        if (answer == Answer::Holding) != is_held || is_held && ends != 1 {
            return Err(format!("the result of {id:?} is held at the peer, and {ends} frames will end that"));
        }
    }
    Ok(())
}

/// An id that was given back means nothing to either end, whoever has its place now.
fn check_stale(world: &World) -> Result<(), String> {
    for &(at, stale) in &world.beside.stale {
        let (this, that) = (&world.ends[at].proto, &world.ends[across(at)].proto);
        let means = match stale {
            Stale::Export(id) => this.exports.get(id).is_some(),
            // A copy is asked, for what it finds it marks.
            Stale::Call(id) => this.questions.get(id).is_some() || that.answers.clone().cancel(id),
        };
        if means {
            return Err(format!("{stale:?}, given back by end {at}, means something again"));
        }
    }
    Ok(())
}

fn check_empty(end: &End) -> Result<(), String> {
    let proto = &end.proto;
    let tables = [
        proto.questions.len(),
        proto.answers.len(),
        proto.exports.len(),
        proto.imports.len(),
        proto.call_pieces.len(),
        proto.return_pieces.len(),
        end.lines.len(),
        end.queued.len(),
        end.kept.len(),
        proto.ahead.waiting() as usize,
    ];
    if tables.iter().any(|&count| count > 0) || proto.exports.references() > 0 {
        return Err(format!("an end that is over still has entries: {tables:?}"));
    }
    Ok(())
}

impl World {
    /// Checks everything that must hold after each step.
    pub(crate) fn check(&mut self) {
        if self.broken().is_none()
            && let Err(text) = audit(self)
        {
            self.fault(text);
        }
    }

    /// Checks what must hold once nothing is on its way and nobody holds anything: nothing is left.
    pub(super) fn check_idle(&mut self) {
        let mut left = Vec::new();
        for (at, end) in self.ends.iter().enumerate() {
            let proto = &end.proto;
            let tables = [
                ("calls out", proto.questions.len()),
                ("calls in", proto.answers.len()),
                ("exports", proto.exports.len()),
                ("imports", proto.imports.len()),
                ("pieces", proto.call_pieces.len() + proto.return_pieces.len() + end.pending.len() + end.partial.len()),
                ("lines", end.lines.len()),
                ("ahead", end.queued.len() + end.kept.len() + proto.ahead.waiting() as usize),
                ("rooms ahead", usize::from(end.open && end.room != AheadRoom::at(&proto.theirs))),
                ("waiting", end.waiting[0].len() + end.waiting[1].len()),
                ("held", end.held_arguments.len() + end.held_returns.len() + end.held_results.len() + end.servants.len()),
            ];
            left.extend(tables.iter().filter(|(_, count)| *count > 0).map(|(table, count)| format!("{count} {table} at end {at}")));
        }
        for (at, node) in self.nodes.iter().enumerate() {
            if node.objects.len() > 1 || !node.imports.is_empty() {
                left.push(format!("{} objects and {} imports at node {at}", node.objects.len() - 1, node.imports.len()));
            }
        }
        if !left.is_empty() {
            self.fault(format!("when nothing is held any more there is left: {}", left.join(", ")));
        }
    }

    /// Checks what must hold once nothing is on its way: every call has ended.
    pub(super) fn check_answered(&mut self) {
        for call in 0..self.calls.len() {
            let it = &self.calls[call];
            if it.verdict.is_none() && !it.given_up {
                self.fault(format!("nothing is on its way any more, and call {call} has not ended"));
            }
        }
    }
}
