import tseslint from 'typescript-eslint'

/** See src/lib/timed.ts: what it is made of is collected as garbage, and no time limit fires. */
const NO_COMPOSITE = {
  selector: "MemberExpression[object.name='AbortSignal'][property.name='any']",
  message: 'AbortSignal.any over AbortSignal.timeout never fires; use timed() of src/lib/timed.ts.',
}

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'test/vectors', 'coverage', '.stryker', '**/*.js', '**/*.mjs'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Numbers and booleans read well in messages; objects still do not.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // An arrow that returns a void call is how callbacks are written here.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      eqeqeq: 'error',
      'no-restricted-syntax': ['error', NO_COMPOSITE],
      'no-console': 'error',
    },
  },
  {
    files: ['src/**'],
    rules: {
      // Another setting of a rule takes the place of the first: both are said here.
      'no-restricted-syntax': [
        'error',
        NO_COMPOSITE,
        {
          // The wall clock may be set back by a day: what was to wait for a minute would wait for a day.
          selector: "BinaryExpression > CallExpression[callee.object.name='Date'][callee.property.name='now']",
          message: 'Measure durations with performance.now(), or the monotonic clock that was given.',
        },
      ],
    },
  },
  {
    files: ['test/**'],
    rules: {
      'no-restricted-properties': [
        'error',
        ...['mock', 'doMock'].map((property) => ({
          object: 'vi',
          property,
          message: 'Files share a process in which the module is loaded already (vitest.config.ts): inject it.',
        })),
      ],
    },
  },
)
