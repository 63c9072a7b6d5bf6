//! Finds a cycle of hold edges: the one way in which a bounded topology can lock up.
//!
//! Without such a cycle, agents without hold edges can always run; so those just before them get room in
//! the end; and so on upstream. Edges that refuse or shed never hold their sender.

use ephor_core::AgentId;

/// Marks of a depth-first search.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    OnPath,
    Done,
}

/// The agents along a cycle of `edges`, the first repeated at the end; `None` when there is none.
pub(crate) fn find(agents: usize, edges: &[(AgentId, AgentId)]) -> Option<Vec<AgentId>> {
    let mut next = vec![Vec::new(); agents];
    for (from, to) in edges {
        next[from.index()].push(to.index());
    }
    let mut marks = vec![Mark::New; agents];
    (0..agents).find_map(|agent| {
        let mut path = Vec::new();
        visit(agent, &next, &mut marks, &mut path)
    })
}

fn visit(
    agent: usize,
    next: &[Vec<usize>],
    marks: &mut [Mark],
    path: &mut Vec<usize>,
) -> Option<Vec<AgentId>> {
    match marks[agent] {
        Mark::Done => return None,
        Mark::OnPath => {
            let start = path.iter().position(|on_path| *on_path == agent)?;
            let cycle = path[start..].iter().copied().chain([agent]);
            return Some(cycle.map(|index| AgentId(index as u16)).collect());
        }
        Mark::New => {}
    }
    marks[agent] = Mark::OnPath;
    path.push(agent);
    let found = next[agent].iter().find_map(|to| visit(*to, next, marks, path));
    path.pop();
    marks[agent] = Mark::Done;
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(pairs: &[(u16, u16)]) -> Vec<(AgentId, AgentId)> {
        pairs.iter().map(|(from, to)| (AgentId(*from), AgentId(*to))).collect()
    }

    #[test]
    fn a_cycle_is_found_with_its_path_and_without_the_way_to_it() {
        let found = find(5, &edges(&[(0, 1), (1, 2), (2, 3), (3, 1), (3, 4)]));
        assert_eq!(found, Some(vec![AgentId(1), AgentId(2), AgentId(3), AgentId(1)]));
    }

    #[test]
    fn an_edge_to_itself_is_a_cycle() {
        assert_eq!(find(1, &edges(&[(0, 0)])), Some(vec![AgentId(0), AgentId(0)]));
    }

    #[test]
    fn a_diamond_is_no_cycle() {
        assert_eq!(find(4, &edges(&[(0, 1), (0, 2), (1, 3), (2, 3)])), None);
    }
}
