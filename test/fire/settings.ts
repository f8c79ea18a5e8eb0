/** Settings of the model from the environment. */
const { FIRE_CRASHES, FIRE_SEED, FIRE_PATH, FIRE_SHRINK } = process.env

/** The default, the same in every run, so that a failure is due to the change that caused it. */
const SEED = 13

export const FIRE = {
  /** The number of crashes in the middle of an operation. */
  crashes: Number(FIRE_CRASHES ?? 10_000),
  /** FIRE_SEED=random explores further. */
  seed: FIRE_SEED === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(FIRE_SEED ?? SEED),
  /** The path of a failure, as printed by fast-check: only that is replayed. */
  path: FIRE_PATH,
  /** Whether a failure is shrunk. */
  shrinks: FIRE_SHRINK !== '0',
}
