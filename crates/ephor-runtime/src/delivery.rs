//! Delivery: a message is checked at its exit from a lane, handled, and counted.
//!
//! Most messages fit their edge's pass and want nothing but their handler: a run of them is checked, then handled. Any other
//! goes by itself, with all that it may need: the reasons why not, a block, a record, a receipt.

use ephor_constitution::{Pass, check};
use ephor_core::{Frame, Header, Ticks};
use ephor_lane::pool::Loan;
use ephor_lane::prefetch_for_read;

use crate::cx::Cx;
use crate::edge::InEdge;
use crate::trail::{Boundary, Fate};
use crate::{Agent, Disposition};

/// Handles the received messages of one lane, oldest first. Begins a call for each, so that their count says how far it came,
/// should a handler panic.
///
/// A function of its own, so that its loops have the registers to themselves.
#[inline(never)]
pub(crate) fn handle<'a, A: Agent<F>, F: Frame>(agent: &mut A, edge: &'a InEdge<F>, mut cx: Cx<'a, F>) {
    let is_attended = cx.env.is_attended() || cx.hands.drill.is_some();
    let (mut frames, mut rest) = edge.lane.slices();
    let mut ahead = edge.lane.ahead(frames);
    loop {
        let [frame, ..] = frames else {
            if rest.is_empty() {
                return;
            }
            frames = std::mem::take(&mut rest);
            ahead = None;
            continue;
        };
        let row = cx.env.kinds.row(frame.header().kind);
        let plain = if is_attended { 0 } else { plain_run(frames, &edge.passes[row], cx.env.now) };
        if plain == 0 {
            deliver(agent, frame, &mut cx);
            frames = &frames[1..];
            continue;
        }
        let (run, others) = frames.split_at(plain);
        frames = others;
        cx.hands.begin_run(row);
        for frame in run {
            if let Some(bytes) = ahead {
                // The next batch is on its way while the handlers run. Earned by `hop-batch` of `benches/peers`.
                prefetch_for_read((&raw const *frame).wrapping_byte_offset(bytes));
            }
            cx.hands.begin_call();
            call(agent, frame, &mut cx);
            if cx.fate.disposition != Disposition::Handled {
                conclude(frame, &mut cx);
                cx.hands.unhandled();
            }
        }
        cx.hands.end_run();
    }
}

/// How many messages at the front of `frames` fit the pass, and ask for nothing but their handler.
///
/// Each of them is checked here, at its exit: the first by the pass, and those that are like it by being so. The lines of a
/// batch are fetched by this loop, many at a time, which the handlers could not do one after the other.
#[inline(always)]
fn plain_run<F: Frame>(frames: &[F], pass: &Pass, now: Ticks) -> usize {
    let [first, others @ ..] = frames else { return 0 };
    let first = first.header();
    let is_admitted = !F::IS_GOVERNED || pass.admits(first, now);
    if !is_admitted | first.flags.has_loan_or_receipt() {
        return 0;
    }
    let span = pass.span(now);
    let is_alike = |header: &Header| {
        if F::IS_GOVERNED {
            header.is_like(first) & span.contains(header.sent_ticks)
        } else {
            (header.kind == first.kind) & !header.flags.has_loan_or_receipt()
        }
    };
    let same = if F::IS_GOVERNED { same_run(first, others) } else { 0 };
    1 + same + others[same..].iter().take_while(|frame| is_alike(frame.header())).count()
}

/// How many messages at the front of `frames`, a multiple of four, are for the check the same as an admitted one, time
/// included, as those are that were sent in one pass: four are compared at once.
#[inline(always)]
fn same_run<F: Frame>(admitted: &Header, frames: &[F]) -> usize {
    let (fours, _) = frames.as_chunks::<4>();
    let is_same = |four: &&[F; 4]| admitted.is_same_as_all(four.iter().map(Frame::header));
    4 * fours.iter().take_while(is_same).count()
}

/// Delivers one message that is not plain: checks it at its exit, calls its handler, and settles its fate.
pub(crate) fn deliver<'a, A: Agent<F>, F: Frame>(agent: &mut A, frame: &'a F, cx: &mut Cx<'a, F>) {
    cx.hands.begin_call_alone();
    if is_deliverable(frame, cx) {
        let begun = cx.env.times.is_some().then(|| cx.env.clock.read());
        call(agent, frame, cx);
        if let Some(begun) = begun {
            took(frame, begun, cx);
        }
        conclude(frame, cx);
    }
}

/// Calls the handler of `frame`; its fate is in the context.
#[inline(always)]
fn call<'a, A: Agent<F>, F: Frame>(agent: &mut A, frame: &'a F, cx: &mut Cx<'a, F>) {
    cx.hand = Some(frame);
    if !agent.dispatch(frame, cx) {
        cx.fate = Fate::new(Disposition::Malformed, Boundary::Exit);
    }
    cx.hands.end_call(cx.env);
}

/// Checks what did not go the short way, and readies what its handler needs; settles it when it may not pass.
#[inline(never)]
fn is_deliverable<F: Frame>(frame: &F, cx: &mut Cx<'_, F>) -> bool {
    let header = frame.header();
    if F::IS_GOVERNED {
        let verdict = check(header, &cx.env.tables, cx.env.now);
        if !verdict.is_permit() {
            return settle(frame, Fate::by_check(verdict, Boundary::Exit), cx);
        }
    }
    if let Some(times) = &mut cx.env.times {
        times.waited(cx.cell, header.source, cx.env.clock.now().since_ns(header.sent_ticks));
    }
    if header.flags.has_loan() && cx.env.loan.is_none() {
        cx.env.loan = cx.env.redeem(frame);
        if cx.env.loan.is_none() {
            return settle(frame, Fate::new(Disposition::Malformed, Boundary::Exit), cx);
        }
    }
    if let Some(drill) = &mut cx.hands.drill {
        drill.on_delivery(header, &cx.env.clock);
    }
    true
}

/// Counts the time that the handler of `frame` took since `begun`.
#[cold]
fn took<F: Frame>(frame: &F, begun: Ticks, cx: &mut Cx<'_, F>) {
    let row = cx.env.kinds.row(frame.header().kind);
    let ns = cx.env.clock.now().since_ns(begun);
    if let Some(times) = &mut cx.env.times {
        times.handled(cx.cell, row, ns);
    }
}

/// Settles a message that is not delivered.
fn settle<F: Frame>(frame: &F, fate: Fate, cx: &mut Cx<'_, F>) -> bool {
    drop(cx.env.loan.take());
    cx.hands.settle(frame, fate, cx.env);
    false
}

/// Ends a message whose handler has returned, when there is more to it than counting.
#[inline(never)]
fn conclude<F: Frame>(frame: &F, cx: &mut Cx<'_, F>) {
    let fate = std::mem::replace(&mut cx.fate, Fate::HANDLED);
    // The block goes on with a message that was passed on, under the handle that `forward` put into it.
    let loan = cx.env.loan.take();
    if fate.disposition == Disposition::Forwarded {
        let _handle = loan.map(Loan::share);
        return cx.env.record(frame, fate);
    }
    drop(loan);
    cx.hands.settle(frame, fate, cx.env);
}

#[cfg(test)]
mod tests {
    use ephor_constitution::{Charter, Seat, Tables};
    use ephor_core::{AgentId, Correlation, Flags, Frame64, Kind, Stamp, Tenant};

    use super::*;

    const NOW: Ticks = Ticks(3_600_000_000_000);

    /// The tables of two agents, and a header that may pass from one to the other.
    fn subjects() -> (Tables, Header) {
        let seat = |name: &str| Seat { name: name.into(), role: "agent".into(), tenant: None };
        let tables = Charter::default().compile(&[seat("left"), seat("right")]).expect("the roles are known");
        let (kind, source, target) = (Kind(7), AgentId(0), AgentId(1));
        let header =
            Header { stamp: tables.stamp(), kind, source, target, sent_ticks: NOW, ..Header::default() };
        (tables, header)
    }

    fn run_of(headers: &[Header], tables: &Tables) -> usize {
        let frame = |header: &Header| {
            let mut frame = Frame64::blank();
            *frame.header_mut() = *header;
            frame
        };
        let frames: Vec<_> = headers.iter().map(frame).collect();
        plain_run(&frames, &tables.pass(Kind(7), AgentId(0), AgentId(1)), NOW)
    }

    #[test]
    fn a_run_ends_before_the_first_message_that_may_not_pass_or_is_unlike() {
        let (tables, good) = subjects();
        let next = Header { correlation: Correlation(1), ..good };
        assert_eq!(run_of(&[], &tables), 0);
        assert_eq!(run_of(&[good, next, good], &tables), 3);
        let later = Header { sent_ticks: Ticks(NOW.0 - 1), ..good };
        for before in 0..10 {
            let mut headers = vec![good; before];
            headers.extend([later; 7]);
            assert_eq!(run_of(&headers, &tables), before + 7, "in time, {before} after");
        }
        for other in [
            Header { stamp: Stamp(!good.stamp.0), ..good },
            Header { kind: Kind(8), ..good },
            Header { source: AgentId(1), ..good },
            Header { target: AgentId(0), ..good },
            Header { sent_ticks: Ticks(u64::MAX), ..good },
            Header { flags: good.flags.with_loan(), ..good },
            Header { flags: Flags::new().with_tenant(Tenant(3)), ..good },
        ] {
            assert_eq!(run_of(&[good, next, other, good], &tables), 2, "{other:?}");
            for before in 1..11 {
                let mut headers = vec![good; before];
                headers.extend([other, good, good, good, good]);
                assert_eq!(run_of(&headers, &tables), before, "{other:?} after {before}");
            }
        }
        for first in [
            Header { stamp: Stamp(!good.stamp.0), ..good },
            Header { sent_ticks: Ticks(u64::MAX), ..good },
            Header { flags: good.flags.with_loan(), ..good },
        ] {
            assert_eq!(run_of(&[first, good], &tables), 0, "{first:?}");
        }
    }
}
