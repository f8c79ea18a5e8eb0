/**
 * Waits until all have ended; then throws what the first failed with, or returns their results. Promise.all would not
 * wait for the others, and what they write would end up after what is done next. Pure.
 */
export async function allEnded<T>(works: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(works)
  return Promise.all(works)
}
