import type { NextConfig } from "next";

const config: NextConfig = {
  // This directory, although there are lockfiles above it.
  turbopack: { root: import.meta.dirname },
  // `npm run build` checks the types before.
  typescript: { ignoreBuildErrors: true },
};

export default config;
