/** localStorage throws where storage is blocked, and when it is full. A preference is not worth an error. */
export function recall(key: string): string | null {
  try {
    return localStorage.getItem(`halfstep.${key}`);
  } catch {
    return null;
  }
}

/** Where it cannot be kept, the choice lasts as long as the page. */
export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`halfstep.${key}`, value);
  } catch {
    // See above.
  }
}
