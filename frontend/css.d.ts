/** Style sheets: those of pages are bundled beside the script, those of shadow trees as text. */
declare module "*.shadow.css" {
  const text: string;
  export default text;
}
declare module "*.css";
declare module "*.svg" {
  const address: string;
  export default address;
}
