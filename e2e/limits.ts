/** Time limits of the tests. Only a hang reaches them, even on a machine ten times slower than the slowest in use. */

/** For the page to reach a state, such as the end of a run. */
export const WAIT_MS = 600_000;

/** For an element to show the expected content, or to become clickable. */
export const ELEMENT_MS = 240_000;

/** For a whole test: longer than any single wait, so that the wait names what did not happen. */
export const TEST_MS = 3_600_000;
