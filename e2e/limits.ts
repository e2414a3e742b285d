/** How long tests wait. Only what hangs reaches a limit, also on a machine ten times slower than the slowest in use. */

/** For the page to come to a state, such as the end of a run. */
export const WAIT_MS = 600_000;

/** For an element to show what is expected, or to be there to be pressed. */
export const ELEMENT_MS = 240_000;

/** For a whole test: more than any single wait, so that the wait says what did not come. */
export const TEST_MS = 3_600_000;
