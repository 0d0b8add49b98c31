/** Unit tests (*.test.ts) stand beside their file; specs (test/*.spec.ts) use a real nats-server, sockets and HTTP; the longest (test/*.long.ts) have a command of their own. */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/{services,deploy,test,examples}/**/*.{test,spec}.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2023' },
        // import() stays what it is, for the .mjs files of deploy/local.
        module: { type: 'commonjs', ignoreDynamic: true },
        sourceMaps: 'inline',
      },
    ],
  },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.data/'],
  testTimeout: 30_000,
  // Most specs wait for other processes: without this, a machine with two processors would run one at a time.
  maxWorkers: '100%',
  // A test that fails leaves its connections open, and the run must end all the same.
  forceExit: true,
};
