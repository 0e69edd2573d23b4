/** Imports that esbuild resolves: style sheets of pages become files, those of shadow trees and pages of docs text. */
declare module "*.shadow.css" {
  const text: string;
  export default text;
}
declare module "*.md" {
  const text: string;
  export default text;
}
declare module "*.css";
declare module "*.svg" {
  const address: string;
  export default address;
}
