from ngw2f.commands.cli import main

main()
